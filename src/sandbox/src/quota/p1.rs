//! WASI preview 1 for core modules, with quotas: the library answers everything, after the growth is booked.
//!
//! The library generates the trait and its types internally and advises against their use. They change with it, so the
//! version is pinned and a change does not compile.

use std::sync::Arc;

use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{
    Advice, Ciovec, CiovecArray, Clockid, Dircookie, Errno, Error, Event, Exitcode, Fd, Fdflags, Fdstat, Filedelta,
    Filesize, Filestat, Filetype, Fstflags, IovecArray, Lookupflags, Oflags, Prestat, Riflags, Rights, Roflags,
    Sdflags, Siflags, Signal, Size, Subscription, Timestamp, Whence,
};
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::{GuestMemory, GuestPtr};

use super::account::{LockedAccount, NoSpace, Stay};
use super::{note, to_the_end, together};
use crate::host::Host;

type Memory<'a> = GuestMemory<'a>;

/// The offset of a write: its own, or the file's current one.
#[derive(Clone, Copy)]
enum Offset {
    At(Filesize),
    Current,
}

/// Operations without growth.
macro_rules! pass_on {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*) => {
        $(fn $name(&mut self, memory: &mut Memory<'_>, $($arg: $ty),*) -> Result<$ret, Error> {
            self.wasi.$name(memory, $($arg),*)
        })*
    };
    ($(async fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*) => {
        $(async fn $name(&mut self, memory: &mut Memory<'_>, $($arg: $ty),*) -> Result<$ret, Error> {
            self.wasi.$name(memory, $($arg),*).await
        })*
    };
}

impl From<NoSpace> for Error {
    fn from(_: NoSpace) -> Self {
        Errno::Nospc.into()
    }
}

fn stay(host: &Host, fd: Fd) -> Option<Arc<Stay>> {
    host.folders.p1.get(&fd.into()).cloned()
}

/// Books the growth of one write, and writes.
async fn write(
    wasi: &mut WasiP1Ctx,
    mut books: LockedAccount<'_>,
    memory: &mut Memory<'_>,
    fd: Fd,
    bytes: CiovecArray,
    offset: Offset,
) -> Result<Size, Error> {
    let found = wasi.fd_filestat_get(memory, fd).await?;
    let appends = wasi.fd_fdstat_get(memory, fd).await?.fs_flags.contains(Fdflags::APPEND);
    let at = match (appends, offset) {
        // As on Linux, wherever it was meant to go.
        (true, Offset::At(_) | Offset::Current) => found.size,
        (false, Offset::At(at)) => at,
        (false, Offset::Current) => wasi.fd_tell(memory, fd)?,
    };
    let more = first_length(memory, bytes)?;
    if more > 0 {
        let end = at.checked_add(more).ok_or(Errno::Overflow)?;
        books.grow(end.saturating_sub(found.size), 0, found.nlink > 0)?;
    }
    let written = match offset {
        Offset::At(at) => wasi.fd_pwrite(memory, fd, bytes, at).await,
        Offset::Current => wasi.fd_write(memory, fd, bytes).await,
    };
    if !written.as_ref().is_ok_and(|written| u64::from(*written) >= more) {
        books.loosen();
    }
    written
}

/// Returns the bytes in the first non-empty buffer: the library writes one buffer at a time.
fn first_length(memory: &Memory<'_>, bytes: CiovecArray) -> Result<u64, Error> {
    for buffer in bytes.iter() {
        let buffer: Ciovec = memory.read(buffer?)?;
        if buffer.buf_len > 0 {
            return Ok(buffer.buf_len.into());
        }
    }
    Ok(0)
}

/// Returns the bytes that lose their last name with this entry.
async fn last_name_of(wasi: &mut WasiP1Ctx, memory: &mut Memory<'_>, fd: Fd, path: GuestPtr<str>) -> Option<u64> {
    match wasi.path_filestat_get(memory, fd, Lookupflags::empty(), path).await {
        Ok(found) if found.filetype == Filetype::RegularFile && found.nlink <= 1 => Some(found.size),
        Ok(_) | Err(_) => None,
    }
}

/// Refuses everything the host could wait for forever: all but files, folders and links.
fn refuse_special(found: Result<&Filestat, &Error>) -> Result<(), Error> {
    match found.map(|found| found.filetype) {
        Ok(Filetype::RegularFile | Filetype::Directory | Filetype::SymbolicLink) | Err(_) => Ok(()),
        Ok(
            Filetype::Unknown
            | Filetype::BlockDevice
            | Filetype::CharacterDevice
            | Filetype::SocketDgram
            | Filetype::SocketStream,
        ) => Err(Errno::Perm.into()),
    }
}

impl WasiSnapshotPreview1 for Host {
    fn set_hostcall_fuel(&mut self, fuel: usize) {
        self.wasi.set_hostcall_fuel(fuel);
    }

    async fn fd_write(&mut self, memory: &mut Memory<'_>, fd: Fd, bytes: CiovecArray) -> Result<Size, Error> {
        match stay(self, fd) {
            Some(stay) => {
                let books = stay.open().await;
                to_the_end(write(&mut self.wasi, books, memory, fd, bytes, Offset::Current))
            }
            None => self.wasi.fd_write(memory, fd, bytes).await,
        }
    }

    async fn fd_pwrite(
        &mut self,
        memory: &mut Memory<'_>,
        fd: Fd,
        bytes: CiovecArray,
        at: Filesize,
    ) -> Result<Size, Error> {
        match stay(self, fd) {
            Some(stay) => {
                let books = stay.open().await;
                to_the_end(write(&mut self.wasi, books, memory, fd, bytes, Offset::At(at)))
            }
            None => self.wasi.fd_pwrite(memory, fd, bytes, at).await,
        }
    }

    async fn fd_filestat_set_size(&mut self, memory: &mut Memory<'_>, fd: Fd, size: Filesize) -> Result<(), Error> {
        let Some(stay) = stay(self, fd) else { return self.wasi.fd_filestat_set_size(memory, fd, size).await };
        let mut books = stay.open().await;
        to_the_end(async {
            let found = self.wasi.fd_filestat_get(memory, fd).await?;
            books.grow(size.saturating_sub(found.size), 0, found.nlink > 0)?;
            self.wasi.fd_filestat_set_size(memory, fd, size).await.inspect_err(|_| books.loosen())?;
            if found.nlink > 0 {
                books.shrink(found.size.saturating_sub(size));
            }
            Ok(())
        })
    }

    /// Refused, whatever a later library does with it.
    fn fd_allocate(&mut self, _: &mut Memory<'_>, _: Fd, _: Filesize, _: Filesize) -> Result<(), Error> {
        Err(Errno::Notsup.into())
    }

    async fn fd_renumber(&mut self, memory: &mut Memory<'_>, from: Fd, to: Fd) -> Result<(), Error> {
        self.wasi.fd_renumber(memory, from, to).await?;
        let stay = stay(self, from);
        note(&mut self.folders.p1, to.into(), stay);
        Ok(())
    }

    async fn path_open(
        &mut self,
        memory: &mut Memory<'_>,
        fd: Fd,
        flags: Lookupflags,
        path: GuestPtr<str>,
        open_flags: Oflags,
        rights: Rights,
        inherited: Rights,
        fd_flags: Fdflags,
    ) -> Result<Fd, Error> {
        let stay = stay(self, fd);
        let changes = open_flags.intersects(Oflags::CREAT | Oflags::TRUNC);
        let opened = match stay.as_ref().filter(|_| changes) {
            None => {
                refuse_special(self.wasi.path_filestat_get(memory, fd, flags, path).await.as_ref())?;
                self.wasi.path_open(memory, fd, flags, path, open_flags, rights, inherited, fd_flags).await?
            }
            Some(stay) => {
                let mut books = stay.open().await;
                to_the_end(async {
                    let found = self.wasi.path_filestat_get(memory, fd, flags, path).await;
                    refuse_special(found.as_ref())?;
                    if found.is_err() && open_flags.contains(Oflags::CREAT) {
                        books.grow(0, 1, true)?;
                    }
                    let opened =
                        self.wasi.path_open(memory, fd, flags, path, open_flags, rights, inherited, fd_flags).await;
                    match (&opened, found) {
                        (Ok(_), Ok(found)) if open_flags.contains(Oflags::TRUNC) => books.shrink(found.size),
                        (Ok(_), _) => {}
                        (Err(_), _) => books.loosen(),
                    }
                    opened
                })?
            }
        };
        note(&mut self.folders.p1, opened.into(), stay);
        Ok(opened)
    }

    async fn path_create_directory(
        &mut self,
        memory: &mut Memory<'_>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<(), Error> {
        let Some(stay) = stay(self, fd) else { return self.wasi.path_create_directory(memory, fd, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            books.grow(0, 1, true)?;
            self.wasi.path_create_directory(memory, fd, path).await.inspect_err(|_| books.loosen())
        })
    }

    async fn path_link(
        &mut self,
        memory: &mut Memory<'_>,
        fd: Fd,
        flags: Lookupflags,
        old: GuestPtr<str>,
        new_fd: Fd,
        new: GuestPtr<str>,
    ) -> Result<(), Error> {
        let (from, to) = (stay(self, fd), stay(self, new_fd));
        if !together(from.as_ref(), to.as_ref()) {
            return Err(Errno::Xdev.into());
        }
        let Some(stay) = to else { return self.wasi.path_link(memory, fd, flags, old, new_fd, new).await };
        let mut books = stay.open().await;
        to_the_end(async {
            books.grow(0, 1, true)?;
            self.wasi.path_link(memory, fd, flags, old, new_fd, new).await.inspect_err(|_| books.loosen())
        })
    }

    async fn path_symlink(
        &mut self,
        memory: &mut Memory<'_>,
        target: GuestPtr<str>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<(), Error> {
        let Some(stay) = stay(self, fd) else { return self.wasi.path_symlink(memory, target, fd, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            books.grow(target.len().into(), 1, true)?;
            self.wasi.path_symlink(memory, target, fd, path).await.inspect_err(|_| books.loosen())
        })
    }

    async fn path_rename(
        &mut self,
        memory: &mut Memory<'_>,
        fd: Fd,
        old: GuestPtr<str>,
        new_fd: Fd,
        new: GuestPtr<str>,
    ) -> Result<(), Error> {
        let (from, to) = (stay(self, fd), stay(self, new_fd));
        if !together(from.as_ref(), to.as_ref()) {
            return Err(Errno::Xdev.into());
        }
        let Some(stay) = to else { return self.wasi.path_rename(memory, fd, old, new_fd, new).await };
        let mut books = stay.open().await;
        to_the_end(async {
            let replaced = last_name_of(&mut self.wasi, memory, new_fd, new).await;
            books.replace(replaced);
            self.wasi.path_rename(memory, fd, old, new_fd, new).await
        })
    }

    async fn path_unlink_file(&mut self, memory: &mut Memory<'_>, fd: Fd, path: GuestPtr<str>) -> Result<(), Error> {
        let Some(stay) = stay(self, fd) else { return self.wasi.path_unlink_file(memory, fd, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            let removed = last_name_of(&mut self.wasi, memory, fd, path).await;
            self.wasi.path_unlink_file(memory, fd, path).await?;
            books.remove(removed);
            Ok(())
        })
    }

    async fn path_remove_directory(
        &mut self,
        memory: &mut Memory<'_>,
        fd: Fd,
        path: GuestPtr<str>,
    ) -> Result<(), Error> {
        let Some(stay) = stay(self, fd) else { return self.wasi.path_remove_directory(memory, fd, path).await };
        let mut books = stay.open().await;
        to_the_end(async {
            self.wasi.path_remove_directory(memory, fd, path).await?;
            books.remove(None);
            Ok(())
        })
    }

    fn proc_exit(&mut self, memory: &mut Memory<'_>, code: Exitcode) -> wasmtime::Error {
        self.wasi.proc_exit(memory, code)
    }

    pass_on! {
        async fn fd_advise(fd: Fd, offset: Filesize, length: Filesize, advice: Advice) -> ();
        async fn fd_close(fd: Fd) -> ();
        async fn fd_datasync(fd: Fd) -> ();
        async fn fd_fdstat_get(fd: Fd) -> Fdstat;
        async fn fd_filestat_get(fd: Fd) -> Filestat;
        async fn fd_filestat_set_times(fd: Fd, accessed: Timestamp, modified: Timestamp, which: Fstflags) -> ();
        async fn fd_read(fd: Fd, buffers: IovecArray) -> Size;
        async fn fd_pread(fd: Fd, buffers: IovecArray, offset: Filesize) -> Size;
        async fn fd_seek(fd: Fd, offset: Filedelta, whence: Whence) -> Filesize;
        async fn fd_sync(fd: Fd) -> ();
        async fn fd_readdir(fd: Fd, buffer: GuestPtr<u8>, length: Size, cookie: Dircookie) -> Size;
        async fn path_filestat_get(fd: Fd, flags: Lookupflags, path: GuestPtr<str>) -> Filestat;
        async fn path_filestat_set_times(
            fd: Fd, flags: Lookupflags, path: GuestPtr<str>, accessed: Timestamp, modified: Timestamp, which: Fstflags
        ) -> ();
        async fn path_readlink(fd: Fd, path: GuestPtr<str>, buffer: GuestPtr<u8>, length: Size) -> Size;
        async fn poll_oneoff(asked: GuestPtr<Subscription>, events: GuestPtr<Event>, count: Size) -> Size;
    }

    pass_on! {
        fn args_get(argv: GuestPtr<GuestPtr<u8>>, buffer: GuestPtr<u8>) -> ();
        fn args_sizes_get() -> (Size, Size);
        fn environ_get(environ: GuestPtr<GuestPtr<u8>>, buffer: GuestPtr<u8>) -> ();
        fn environ_sizes_get() -> (Size, Size);
        fn clock_res_get(clock: Clockid) -> Timestamp;
        fn clock_time_get(clock: Clockid, precision: Timestamp) -> Timestamp;
        fn fd_fdstat_set_flags(fd: Fd, flags: Fdflags) -> ();
        fn fd_fdstat_set_rights(fd: Fd, base: Rights, inherited: Rights) -> ();
        fn fd_prestat_get(fd: Fd) -> Prestat;
        fn fd_prestat_dir_name(fd: Fd, path: GuestPtr<u8>, length: Size) -> ();
        fn fd_tell(fd: Fd) -> Filesize;
        fn proc_raise(signal: Signal) -> ();
        fn sched_yield() -> ();
        fn random_get(buffer: GuestPtr<u8>, length: Size) -> ();
        fn sock_accept(fd: Fd, flags: Fdflags) -> Fd;
        fn sock_recv(fd: Fd, buffers: IovecArray, flags: Riflags) -> (Size, Roflags);
        fn sock_send(fd: Fd, buffers: CiovecArray, flags: Siflags) -> Size;
        fn sock_shutdown(fd: Fd, how: Sdflags) -> ();
    }
}
