//! `wasi:filesystem` of WASI 0.2 for components, with quotas.

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode,
    Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::account::{NoSpace, Stay};
use super::stream::{FileStream, Offset};
use super::{Folders, note, to_the_end, together};
use crate::host::Host;

/// The library's file system of one call, and its folders.
pub(crate) struct View<'a> {
    library: WasiFilesystemCtxView<'a>,
    folders: &'a mut Folders,
}

struct Quotas;

type Fd = Resource<Descriptor>;

/// Links the wrapped interfaces over the library's own.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    types::add_to_linker::<Host, Quotas>(linker, Host::quotas)?;
    preopens::add_to_linker::<Host, Quotas>(linker, Host::quotas)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl HasData for Quotas {
    type Data<'a> = View<'a>;
}

// === impl View ===

impl<'a> View<'a> {
    pub(crate) fn new(library: WasiFilesystemCtxView<'a>, folders: &'a mut Folders) -> Self {
        Self { library, folders }
    }

    fn stay(&self, fd: &Fd) -> Option<Arc<Stay>> {
        self.folders.p2.get(&fd.rep()).cloned()
    }

    /// Replaces the library's stream into a file by one with a quota.
    fn keep(
        &mut self,
        stay: Arc<Stay>,
        fd: &Fd,
        stream: Resource<DynOutputStream>,
        offset: Offset,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.library.table.delete(stream)?;
        let file = match self.library.table.get(fd)? {
            Descriptor::File(file) => Arc::clone(&file.file),
            Descriptor::Dir(_) => return Err(ErrorCode::IsDirectory.into()),
        };
        let stream: DynOutputStream = Box::new(FileStream::new(file, stay, offset));
        Ok(self.library.table.push(stream)?)
    }
}

impl From<NoSpace> for FsError {
    fn from(_: NoSpace) -> Self {
        ErrorCode::InsufficientSpace.into()
    }
}

/// Returns a second handle of the guest's own, for another question.
fn again(fd: &Fd) -> Fd {
    Resource::new_borrow(fd.rep())
}

/// Returns the bytes that lose their last name with this entry.
fn last_name_of(found: &FsResult<DescriptorStat>) -> Option<u64> {
    match found {
        Ok(found) if found.type_ == DescriptorType::RegularFile && found.link_count <= 1 => Some(found.size),
        Ok(_) | Err(_) => None,
    }
}

/// Refuses everything the host could wait for forever: all but files, folders and links.
fn refuse_special(found: &FsResult<DescriptorStat>) -> FsResult<()> {
    match found.as_ref().map(|found| found.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink) | Err(_) => Ok(()),
        Ok(
            DescriptorType::Fifo
            | DescriptorType::Socket
            | DescriptorType::BlockDevice
            | DescriptorType::CharacterDevice
            | DescriptorType::Unknown,
        ) => Err(ErrorCode::NotPermitted.into()),
    }
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let directories = preopens::Host::get_directories(&mut self.library)?;
        for ((fd, _), stay) in directories.iter().zip(&self.folders.granted) {
            note(&mut self.folders.p2, fd.rep(), stay.clone());
        }
        Ok(directories)
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        self.library.convert_error_code(error)
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        self.library.filesystem_error_code(error)
    }
}

impl HostDescriptor for View<'_> {
    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, at: Filesize) -> FsResult<Filesize> {
        let Some(stay) = self.stay(&fd) else { return self.library.write(fd, bytes, at).await };
        let mut books = stay.open().await;
        to_the_end(async {
            let found = self.library.stat(again(&fd)).await?;
            let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let end = at.checked_add(more).ok_or(ErrorCode::Overflow)?;
            if more > 0 {
                books.grow(end.saturating_sub(found.size), 0, found.link_count > 0)?;
            }
            let written = self.library.write(fd, bytes, at).await;
            if !written.as_ref().is_ok_and(|written| *written >= more) {
                books.loosen();
            }
            written
        })
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        let Some(stay) = self.stay(&fd) else { return self.library.set_size(fd, size).await };
        let mut books = stay.open().await;
        to_the_end(async {
            let found = self.library.stat(again(&fd)).await?;
            books.grow(size.saturating_sub(found.size), 0, found.link_count > 0)?;
            self.library.set_size(fd, size).await.inspect_err(|_| books.loosen())?;
            if found.link_count > 0 {
                books.shrink(found.size.saturating_sub(size));
            }
            Ok(())
        })
    }

    fn write_via_stream(&mut self, fd: Fd, at: Filesize) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.library.write_via_stream(again(&fd), at)?;
        match self.stay(&fd) {
            Some(stay) => self.keep(stay, &fd, stream, Offset::At(at)),
            None => Ok(stream),
        }
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.library.append_via_stream(again(&fd))?;
        match self.stay(&fd) {
            Some(stay) => self.keep(stay, &fd, stream, Offset::End),
            None => Ok(stream),
        }
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let stay = self.stay(&fd);
        let changes = open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let opened = match stay.as_ref().filter(|_| changes) {
            None => {
                refuse_special(&self.library.stat_at(again(&fd), path_flags, path.clone()).await)?;
                self.library.open_at(fd, path_flags, path, open_flags, flags).await?
            }
            Some(stay) => {
                let mut books = stay.open().await;
                to_the_end(async {
                    let found = self.library.stat_at(again(&fd), path_flags, path.clone()).await;
                    refuse_special(&found)?;
                    if found.is_err() && open_flags.contains(OpenFlags::CREATE) {
                        books.grow(0, 1, true)?;
                    }
                    let opened = self.library.open_at(fd, path_flags, path, open_flags, flags).await;
                    match (&opened, found) {
                        (Ok(_), Ok(found)) if open_flags.contains(OpenFlags::TRUNCATE) => books.shrink(found.size),
                        (Ok(_), _) => {}
                        (Err(_), _) => books.loosen(),
                    }
                    opened
                })?
            }
        };
        note(&mut self.folders.p2, opened.rep(), stay);
        Ok(opened)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let Some(stay) = self.stay(&fd) else { return self.library.create_directory_at(fd, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            books.grow(0, 1, true)?;
            self.library.create_directory_at(fd, path).await.inspect_err(|_| books.loosen())
        })
    }

    async fn link_at(&mut self, fd: Fd, flags: PathFlags, old: String, new_fd: Fd, new: String) -> FsResult<()> {
        let (from, to) = (self.stay(&fd), self.stay(&new_fd));
        if !together(from.as_ref(), to.as_ref()) {
            return Err(ErrorCode::CrossDevice.into());
        }
        let Some(stay) = to else { return self.library.link_at(fd, flags, old, new_fd, new).await };
        let mut books = stay.open().await;
        to_the_end(async {
            books.grow(0, 1, true)?;
            self.library.link_at(fd, flags, old, new_fd, new).await.inspect_err(|_| books.loosen())
        })
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        let Some(stay) = self.stay(&fd) else { return self.library.symlink_at(fd, target, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            books.grow(u64::try_from(target.len()).unwrap_or(u64::MAX), 1, true)?;
            self.library.symlink_at(fd, target, path).await.inspect_err(|_| books.loosen())
        })
    }

    async fn rename_at(&mut self, fd: Fd, old: String, new_fd: Fd, new: String) -> FsResult<()> {
        let (from, to) = (self.stay(&fd), self.stay(&new_fd));
        if !together(from.as_ref(), to.as_ref()) {
            return Err(ErrorCode::CrossDevice.into());
        }
        let Some(stay) = to else { return self.library.rename_at(fd, old, new_fd, new).await };
        let mut books = stay.open().await;
        to_the_end(async {
            let replaced = self.library.stat_at(again(&new_fd), PathFlags::empty(), new.clone()).await;
            books.replace(last_name_of(&replaced));
            self.library.rename_at(fd, old, new_fd, new).await
        })
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let Some(stay) = self.stay(&fd) else { return self.library.unlink_file_at(fd, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            let removed = self.library.stat_at(again(&fd), PathFlags::empty(), path.clone()).await;
            self.library.unlink_file_at(fd, path).await?;
            books.remove(last_name_of(&removed));
            Ok(())
        })
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let Some(stay) = self.stay(&fd) else { return self.library.remove_directory_at(fd, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            self.library.remove_directory_at(fd, path).await?;
            books.remove(None);
            Ok(())
        })
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.folders.p2.remove(&fd.rep());
        HostDescriptor::drop(&mut self.library, fd)
    }

    // === nothing grows ===

    async fn advise(&mut self, fd: Fd, offset: Filesize, length: Filesize, advice: Advice) -> FsResult<()> {
        self.library.advise(fd, offset, length, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.library.sync_data(fd).await
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.library.sync(fd).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        self.library.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        self.library.get_type(fd).await
    }

    async fn set_times(&mut self, fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        self.library.set_times(fd, accessed, modified).await
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.library.set_times_at(fd, flags, path, accessed, modified).await
    }

    async fn read(&mut self, fd: Fd, length: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.library.read(fd, length, offset).await
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<DirectoryEntryStream>> {
        self.library.read_directory(fd).await
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        self.library.stat(fd).await
    }

    async fn stat_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        self.library.stat_at(fd, flags, path).await
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        self.library.readlink_at(fd, path).await
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.library.read_via_stream(fd, offset)
    }

    async fn is_same_object(&mut self, one: Fd, other: Fd) -> wasmtime::Result<bool> {
        self.library.is_same_object(one, other).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        self.library.metadata_hash(fd).await
    }

    async fn metadata_hash_at(&mut self, fd: Fd, flags: PathFlags, path: String) -> FsResult<MetadataHashValue> {
        self.library.metadata_hash_at(fd, flags, path).await
    }
}

impl HostDirectoryEntryStream for View<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.library.read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        HostDirectoryEntryStream::drop(&mut self.library, stream)
    }
}
