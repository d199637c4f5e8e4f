package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/plugin/whatsapp/internal/media"
	"github.com/aof-dev/aofd/sdk/chat"
)

func (t *tool) media() *cobra.Command {
	return group("media", "Put up, get and delete files", t.uploadMedia(), t.getMedia(), t.deleteMedia())
}

func (t *tool) uploadMedia() *cobra.Command {
	var kind string
	cmd := t.command("upload FILE", "Put up a file and print its id, which is good for 30 days", "", cobra.ExactArgs(1),
		func(ctx context.Context, args []string) error {
			return t.onNumber(func(_ Number, api *graph.Client) error { return t.upload(ctx, api, args[0], kind) })
		})
	cmd.Flags().StringVar(&kind, "type", "", "MIME type (default: by the name of the file)")
	return cmd
}

func (t *tool) upload(ctx context.Context, api *graph.Client, path, kind string) error {
	f, err := os.Open(path)
	if err != nil {
		return &usageError{err}
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > media.MaxBytes {
		return badUsage("%s is no file of 1 to %d bytes", path, media.MaxBytes)
	}
	if kind = cmp.Or(kind, mime.TypeByExtension(filepath.Ext(path))); kind == "" {
		return badUsage("nothing tells what %s is: give --type, such as image/png", path)
	}
	id, err := api.Upload(ctx, graph.File{
		Content: f, Size: info.Size(), MaxBytes: media.MaxBytes, MimeType: kind, Filename: filepath.Base(path),
	})
	if err != nil {
		return err
	}
	return t.print(map[string]string{"id": id}, func(w io.Writer) { fmt.Fprintln(w, id) })
}

func (t *tool) getMedia() *cobra.Command {
	var to string
	cmd := t.command("get ID", "Get a file that a user sent, or that was put up", "", cobra.ExactArgs(1),
		func(ctx context.Context, args []string) error {
			return t.onNumber(func(n Number, api *graph.Client) error {
				files, err := media.New(media.Settings{API: api, BaseURL: t.BaseURL, Token: n.Token})
				if err != nil {
					return err
				}
				defer files.Close()
				path := cmp.Or(to, args[0])
				info, err := save(ctx, files, args[0], path)
				if err != nil {
					return err
				}
				return t.print(struct {
					chat.MediaInfo
					File string `json:"file"`
				}{info, path}, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s\t%d bytes\n", path, info.MimeType, info.Size) })
			})
		})
	cmd.Flags().StringVarP(&to, "file", "f", "", "where to (default: the id, in this folder)")
	return cmd
}

// save writes a file. It is there under its name only when all of it is there, and never takes another's place.
func save(ctx context.Context, files *media.Fetcher, id, to string) (info chat.MediaInfo, err error) {
	if _, err := os.Lstat(to); err == nil {
		return info, badUsage("%s is there already: give another name by --file", to)
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".aofd-*")
	if err != nil {
		return info, &usageError{err}
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name())
			return
		}
		err = os.Rename(f.Name(), to)
	}()
	written := uint64(0)
	err = files.Fetch(ctx, id, 0, func(i chat.MediaInfo) error { info = i; return nil }, func(p []byte) error {
		written += uint64(len(p))
		_, err := f.Write(p)
		return err
	})
	info.Size = written
	return info, err
}

func (t *tool) deleteMedia() *cobra.Command {
	return t.command("delete ID", "Delete a file at Meta", "", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return t.onNumber(func(n Number, api *graph.Client) error {
			query := url.Values{"phone_number_id": {n.ID}}
			if err := change(ctx, api, http.MethodDelete, url.PathEscape(args[0]), query, nil); err != nil {
				return err
			}
			return t.print(map[string]any{"deleted": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "deleted") })
		})
	})
}
