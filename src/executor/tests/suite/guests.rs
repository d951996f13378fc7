//! Guests, as WebAssembly text: small programs that each do one thing, most of it bad.
//!
//! Memory below 1024 is scratch; a guest's text is at 1024, its input at 4096.

/// A WASI preview 1 command: `text` at 1024, `start` as the body of `_start`, `more` beside it.
pub(crate) fn command(text: &str, more: &str, start: &str) -> String {
    let text: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 1024) "{text}")
  (func $print (param $fd i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $sleep (param $nanoseconds i64)
    (i64.store (i32.const 64) (i64.const 0))
    (i64.store (i32.const 72) (i64.const 0))
    (i32.store (i32.const 80) (i32.const 1))
    (i64.store (i32.const 88) (local.get $nanoseconds))
    (i64.store (i32.const 96) (i64.const 0))
    (i32.store (i32.const 104) (i32.const 0))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 192))))
  {more}
  (func (export "_start")
    {start}))"#
    )
}

/// Writes `text` on standard output.
pub(crate) fn answer(text: &str) -> String {
    command(text, "", &format!("(call $print (i32.const 1) (i32.const 1024) (i32.const {}))", text.len()))
}

/// Writes what it reads on standard input to standard output.
pub(crate) fn echo() -> String {
    let start = "(i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 60000))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $print (i32.const 1) (i32.const 4096) (i32.load (i32.const 8)))";
    command("", "", start)
}

/// Writes `text` on standard output after so many milliseconds.
pub(crate) fn late(text: &str, milliseconds: u64) -> String {
    let start = format!(
        "(call $sleep (i64.const {})) (call $print (i32.const 1) (i32.const 1024) (i32.const {}))",
        milliseconds * 1_000_000,
        text.len()
    );
    command(text, "", &start)
}

pub(crate) fn infinite_loop() -> String {
    command("", "", "(loop $again (br $again))")
}

/// Computes for a while, then writes `1`.
pub(crate) fn busy(rounds: u64) -> String {
    let start = format!(
        "(local $n i64) (local.set $n (i64.const {rounds}))
    (loop $again (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br_if $again (i64.ne (local.get $n) (i64.const 0))))
    (call $print (i32.const 1) (i32.const 1024) (i32.const 1))"
    );
    command("1", "", &start)
}

/// Writes 60,000 bytes at a time on `fd`, for ever.
pub(crate) fn flood(fd: u32) -> String {
    command(
        "",
        "",
        &format!("(loop $again (call $print (i32.const {fd}) (i32.const 4096) (i32.const 60000)) (br $again))"),
    )
}

/// Ends with `code` after writing `text` on standard error.
pub(crate) fn exit(text: &str, code: i32) -> String {
    let start = format!(
        "(call $print (i32.const 2) (i32.const 1024) (i32.const {})) (call $proc_exit (i32.const {code}))",
        text.len()
    );
    command(text, "", &start)
}

/// Opens `path` below the first preopened folder with these `oflags` and rights. Ends with the error's number, or writes
/// what it reads there (`write` false), or writes `1` there and then on standard output.
pub(crate) fn open(path: &str, oflags: u32, rights: u64, write: bool) -> String {
    let and_then = if write {
        "(call $print (i32.load (i32.const 16)) (i32.const 1023) (i32.const 1))
    (call $print (i32.const 1) (i32.const 1023) (i32.const 1))"
    } else {
        "(i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 1000))
    (drop (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $print (i32.const 1) (i32.const 4096) (i32.load (i32.const 8)))"
    };
    let start = format!(
        "(local $error i32)
    (i32.store8 (i32.const 1023) (i32.const 49))
    (local.set $error (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const {}) (i32.const {oflags})
      (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 16)))
    (if (local.get $error) (then (call $proc_exit (local.get $error))))
    {and_then}",
        path.len()
    );
    command(path, "", &start)
}

/// Writes its arguments and environment on standard error, and ends with 10 × environment + arguments.
pub(crate) fn surroundings() -> String {
    let start = "(drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
    (drop (call $environ_sizes_get (i32.const 24) (i32.const 28)))
    (drop (call $args_get (i32.const 256) (i32.const 4096)))
    (drop (call $environ_get (i32.const 512) (i32.const 8192)))
    (call $print (i32.const 2) (i32.const 4096) (i32.load (i32.const 20)))
    (call $print (i32.const 2) (i32.const 8192) (i32.load (i32.const 28)))
    (call $proc_exit (i32.add (i32.mul (i32.load (i32.const 24)) (i32.const 10)) (i32.load (i32.const 16))))";
    command("", "", start)
}

/// Repeats `step` until it leaves an error's number in `$error`, and ends with it. `text` is at 1024, and `$n` counts;
/// `$open` opens a file by the letters at 1024 (`length` of them) for writing, and leaves it in `$fd`.
pub(crate) fn until_refused(text: &str, step: &str) -> String {
    let more = "(global $fd (mut i32) (i32.const 0))
  (func $open (param $length i32) (param $oflags i32) (param $fdflags i32) (result i32)
    (local $error i32)
    (local.set $error (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (local.get $length)
      (local.get $oflags) (i64.const 64) (i64.const 0) (local.get $fdflags) (i32.const 16)))
    (global.set $fd (i32.load (i32.const 16)))
    (local.get $error))
  (func $write (param $length i32) (result i32)
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (local.get $length))
    (call $fd_write (global.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
  (func $letters (param $n i32)
    (i32.store8 (i32.const 1024) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 8)) (i32.const 15))))
    (i32.store8 (i32.const 1025) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 15))))
    (i32.store8 (i32.const 1026) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15)))))";
    let start = format!(
        "(local $error i32) (local $n i32)
    (loop $again
      {step}
      (if (local.get $error) (then (call $proc_exit (local.get $error))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 4000))))"
    );
    command(text, more, &start)
}
