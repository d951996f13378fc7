//! The HTTP side: who may look and answer, what a browser can be made to do, what the page and the API are.

mod api;
mod browser;
mod rebinding;
mod site;
mod waiting;
