//! The HTTP side: rights to look and answer, attacks through a browser, the page and the API.

mod api;
mod browser;
mod rebinding;
mod site;
mod waiting;
