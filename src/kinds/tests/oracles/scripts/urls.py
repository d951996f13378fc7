"""Reads a JSON list of URLs, and prints for each what urllib and libcurl understand: [scheme, host, port, path], an error, or null."""

import ctypes
import ctypes.util
import json
import sys
import urllib.parse

SCHEME, HOST, PORT, PATH = 1, 5, 6, 7
ANY_SCHEME, PATH_AS_IS = 1 << 3, 1 << 4


def with_urllib(text):
    try:
        parts = urllib.parse.urlsplit(text)
        return [parts.scheme, parts.hostname, parts.port, parts.path]
    except ValueError as error:
        return str(error)


def load_curl():
    name = ctypes.util.find_library("curl")
    if name is None:
        return None
    curl = ctypes.CDLL(name)
    curl.curl_url.restype = ctypes.c_void_p
    curl.curl_url_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    curl.curl_url_get.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p), ctypes.c_uint]
    curl.curl_url_cleanup.argtypes = [ctypes.c_void_p]
    return curl


def with_curl(curl, text):
    if curl is None:
        return None
    handle = curl.curl_url()
    try:
        code = curl.curl_url_set(handle, 0, text.encode(), ANY_SCHEME | PATH_AS_IS)
        if code:
            return f"error {code}"
        parts = []
        for part in (SCHEME, HOST, PORT, PATH):
            value = ctypes.c_char_p()
            code = curl.curl_url_get(handle, part, ctypes.byref(value), 0)
            parts.append(None if code else value.value.decode())
        parts[2] = int(parts[2]) if parts[2] else None
        return parts
    finally:
        curl.curl_url_cleanup(handle)


curl = load_curl()
json.dump([[with_urllib(text), with_curl(curl, text)] for text in json.load(sys.stdin)], sys.stdout)
