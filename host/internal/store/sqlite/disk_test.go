package sqlite_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// disk stands between SQLite and the system for the files below a folder. It takes down what is written and when
// it is synced, and fails on demand.
type disk struct {
	mu     sync.Mutex
	events []event
	fail   func(kind eventKind, file string) int32 // a code of SQLite; 0: none. nil: nothing fails
}

// event is something that happened to a file, or a note of the test.
type event struct {
	kind eventKind
	file string // its name without the folder
	at   int64  // of a write: where; of a truncate: the new size
	data []byte
	note string
}

type eventKind int

const (
	written eventKind = iota
	truncated
	synced
	removed
	noted
)

func (d *disk) add(e event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

func (d *disk) failWith(fail func(kind eventKind, file string) int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

func (d *disk) verdict(kind eventKind, file string) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail == nil {
		return 0
	}
	return d.fail(kind, file)
}

// watch has the files below dir on a disk of their own until the test ends.
func watch(t testing.TB, dir string) *disk {
	t.Helper()
	d := &disk{}
	watched.Store(dir, d)
	t.Cleanup(func() { watched.Delete(dir) })
	return d
}

// The methods of SQLite's files are replaced by these, which call the old ones.
var (
	watched sync.Map // *disk by folder
	opened  sync.Map // *openFile by SQLite's pointer
	tables  sync.Map // our table of methods by SQLite's pointer
	real    sqlite3.Tsqlite3_vfs
)

type openFile struct {
	disk *disk
	name string
	real *sqlite3.Tsqlite3_io_methods
}

// at is the memory at an address that SQLite keeps.
func at[T any](address uintptr) *T { return (*T)(*(*unsafe.Pointer)(unsafe.Pointer(&address))) }

// function is what SQLite calls by an address.
func function[F any](address uintptr) F {
	return *(*F)(unsafe.Pointer(&struct{ uintptr }{address}))
}

// address is the reverse of function.
func address(f any) uintptr {
	type iface [2]uintptr
	return (*iface)(unsafe.Pointer(&f))[1]
}

// interpose is called once, before SQLite opens files.
func interpose() {
	tls := libc.NewTLS()
	defer tls.Close()
	vfs := at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	real = *vfs
	vfs.FxOpen, vfs.FxDelete = address(openFunc(diskOpen)), address(deleteFunc(diskDelete))
}

type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	deleteFunc   = func(tls *libc.TLS, vfs, name uintptr, sync int32) int32
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
	writeFunc    = func(tls *libc.TLS, file, buf uintptr, n int32, at int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
)

func diskOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	rc := function[openFunc](real.FxOpen)(tls, vfs, name, file, flags, out)
	if rc != sqlite3.SQLITE_OK || name == 0 {
		return rc
	}
	path := libc.GoString(name)
	if d := diskOf(path); d != nil {
		f := at[sqlite3.Tsqlite3_file](file)
		methods := at[sqlite3.Tsqlite3_io_methods](f.FpMethods)
		opened.Store(file, &openFile{d, filepath.Base(path), methods})
		ours, known := tables.Load(f.FpMethods)
		if !known {
			// In memory that is not Go's, as all that SQLite sees.
			copied := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*methods)))
			table := at[sqlite3.Tsqlite3_io_methods](copied)
			*table = *methods
			table.FxClose, table.FxWrite = address(closeFunc(diskClose)), address(writeFunc(diskWrite))
			table.FxTruncate, table.FxSync = address(truncateFunc(diskTruncate)), address(syncFunc(diskSync))
			ours, _ = tables.LoadOrStore(f.FpMethods, copied)
		}
		f.FpMethods = ours.(uintptr)
	}
	return rc
}

// diskOf returns the disk of a file; nil: it has none.
func diskOf(path string) (found *disk) {
	watched.Range(func(dir, d any) bool {
		if strings.HasPrefix(path, dir.(string)+string(filepath.Separator)) {
			found = d.(*disk)
		}
		return found == nil
	})
	return found
}

func diskDelete(tls *libc.TLS, vfs, name uintptr, sync int32) int32 {
	rc := function[deleteFunc](real.FxDelete)(tls, vfs, name, sync)
	path := libc.GoString(name)
	if d := diskOf(path); d != nil && rc == sqlite3.SQLITE_OK {
		d.add(event{kind: removed, file: filepath.Base(path)})
	}
	return rc
}

func fileOf(file uintptr) *openFile {
	f, _ := opened.Load(file)
	return f.(*openFile)
}

func diskClose(tls *libc.TLS, file uintptr) int32 {
	f := fileOf(file)
	opened.Delete(file)
	return function[closeFunc](f.real.FxClose)(tls, file)
}

func diskWrite(tls *libc.TLS, file, buf uintptr, n int32, where int64) int32 {
	f := fileOf(file)
	if rc := f.disk.verdict(written, f.name); rc != 0 {
		return rc
	}
	data := append([]byte(nil), unsafe.Slice(at[byte](buf), n)...)
	rc := function[writeFunc](f.real.FxWrite)(tls, file, buf, n, where)
	if rc == sqlite3.SQLITE_OK {
		f.disk.add(event{kind: written, file: f.name, at: where, data: data})
	}
	return rc
}

func diskTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	f := fileOf(file)
	rc := function[truncateFunc](f.real.FxTruncate)(tls, file, size)
	if rc == sqlite3.SQLITE_OK {
		f.disk.add(event{kind: truncated, file: f.name, at: size})
	}
	return rc
}

func diskSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	f := fileOf(file)
	if rc := f.disk.verdict(synced, f.name); rc != 0 {
		return rc
	}
	rc := function[syncFunc](f.real.FxSync)(tls, file, flags)
	if rc == sqlite3.SQLITE_OK {
		f.disk.add(event{kind: synced, file: f.name})
	}
	return rc
}
