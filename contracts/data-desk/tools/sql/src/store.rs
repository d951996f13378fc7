//! The folder as the SQL engine's storage. A file is read once, when a statement names it. Nothing can write: the engine's
//! own defaults answer every change with "not supported".

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gluesql_core::data::Schema;
use gluesql_core::error::{Error as SqlError, Result as SqlResult};
use gluesql_core::prelude::{Key, Value as Cell};
use gluesql_core::store::{
    AlterTable, CustomFunction, CustomFunctionMut, Index, IndexMut, Metadata, Planner, RowIter, Store, StoreMut,
    Transaction,
};

use crate::error::Error;
use crate::table::{self, Table};

/// The tables of one folder.
pub(crate) struct Folder {
    files: BTreeMap<String, PathBuf>,
    read: RefCell<BTreeMap<String, Rc<Table>>>,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(path).map_err(Error::Folder)? {
            let file = entry.map_err(Error::Folder)?.path();
            if let Some(name) = table::name_of(&file) {
                files.insert(name.to_owned(), file.clone());
            }
        }
        Ok(Self { files, read: RefCell::default() })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns the table of this name, or `None` if the folder lacks it.
    pub(crate) fn table(&self, name: &str) -> Result<Option<Rc<Table>>, Error> {
        if let Some(table) = self.read.borrow().get(name) {
            return Ok(Some(Rc::clone(table)));
        }
        let Some(file) = self.files.get(name) else { return Ok(None) };
        let table = Rc::new(table::read(file, name)?);
        self.read.borrow_mut().insert(name.to_owned(), Rc::clone(&table));
        Ok(Some(table))
    }
}

// === impl Store ===

impl Store for Folder {
    fn fetch_schema(&self, name: &str) -> SqlResult<Option<Schema>> {
        match self.table(name).map_err(storage)? {
            Some(table) => Ok(Some(table.schema.clone())),
            None => {
                let known = self.names().collect::<Vec<_>>().join(", ");
                Err(storage(Error::NoTable { name: name.to_owned(), known }))
            }
        }
    }

    fn fetch_all_schemas(&self) -> SqlResult<Vec<Schema>> {
        self.names().filter_map(|name| self.fetch_schema(name).transpose()).collect()
    }

    fn fetch_data(&self, _table: &str, _key: &Key) -> SqlResult<Option<Vec<Cell>>> {
        Ok(None) // the engine asks this only for a primary key, and no table has one
    }

    fn scan_data<'a>(&'a self, name: &str) -> SqlResult<RowIter<'a>> {
        let Some(table) = self.table(name).map_err(storage)? else { return Ok(Box::new(std::iter::empty())) };
        Ok(Box::new((0_u64..).map_while(move |row| {
            let cells = table.rows.get(usize::try_from(row).ok()?)?.clone();
            Some(Ok((Key::U64(row), cells)))
        })))
    }
}

fn storage(error: Error) -> SqlError {
    SqlError::StorageMsg(error.to_string())
}

impl Planner for Folder {}
impl StoreMut for Folder {}
impl Index for Folder {}
impl IndexMut for Folder {}
impl AlterTable for Folder {}
impl Metadata for Folder {}
impl Transaction for Folder {}
impl CustomFunction for Folder {}
impl CustomFunctionMut for Folder {}
