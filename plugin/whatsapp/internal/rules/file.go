package rules

import (
	"mime"
	"path"
	"strings"

	"github.com/aof-dev/aofd/plugin/whatsapp/internal/graph"
	"github.com/aof-dev/aofd/sdk/chat"
)

// aliases are other names of types of files.
var aliases = map[string]string{
	"image/jpg": "image/jpeg", "audio/mp3": "audio/mpeg", "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4",
	"audio/opus": "audio/ogg", "audio/x-aac": "audio/aac", "video/3gp": "video/3gpp", "application/ogg": "audio/ogg",
}

// extensions of the types that WhatsApp takes. The system's own table is not asked, as it differs from one
// machine to the next.
var extensions = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".mp4": "video/mp4",
	".3gp": "video/3gpp", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".mp3": "audio/mpeg", ".m4a": "audio/mp4",
	".aac": "audio/aac", ".amr": "audio/amr", ".pdf": "application/pdf", ".txt": "text/plain", ".log": "text/plain",
	".md": "text/plain", ".csv": "text/csv", ".json": "application/json", ".yaml": "application/yaml",
	".yml": "application/yaml", ".html": "text/html", ".zip": "application/zip", ".gz": "application/gzip",
	".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

// MimeType returns the type of a file: the given one in its usual spelling, else the one of the name's
// extension; empty when nothing tells it.
func MimeType(given, filename string) string {
	if given == "" {
		return extensions[strings.ToLower(path.Ext(filename))]
	}
	kind, params, err := mime.ParseMediaType(given)
	if err != nil {
		return given // the check refuses it
	}
	if other, ok := aliases[kind]; ok {
		kind = other
	}
	return mime.FormatMediaType(kind, params)
}

// Limit returns the most bytes that WhatsApp takes of a type of file; ok is false when it takes none.
func Limit(kind chat.MediaType, mimeType string) (most uint64, ok bool) {
	bare, _, _ := strings.Cut(mimeType, ";")
	bare = strings.TrimSpace(bare)
	for _, l := range Files {
		if l.Type == kind && (l.MimeType == bare || l.MimeType == "*/*" && strings.Contains(bare, "/")) {
			return l.MaxBytes, true
		}
	}
	return 0, false
}

// Takes lists the types of files of a kind, for hints.
func Takes(kind chat.MediaType) string {
	var names []string
	for _, l := range Files {
		if l.Type == kind {
			names = append(names, l.MimeType)
		}
	}
	return strings.Join(names, ", ")
}

// CheckFile says why Meta would not take a file as that kind.
func CheckFile(kind chat.MediaType, f *graph.Media) *chat.Error {
	if r := checkFile(kind, f); r != nil {
		return r.failure()
	}
	return nil
}

// checkFile looks at a file that is to be uploaded.
func checkFile(kind chat.MediaType, f *graph.Media) *refusal {
	file := f.File
	wrong := func(what, hint string) *refusal { return &refusal{codeFile, what, hint} }
	most, ok := Limit(kind, file.MimeType)
	switch {
	case file.MimeType == "":
		return wrong("nothing tells which type the file has", "give its MIME type")
	case !ok:
		return wrong("WhatsApp takes no "+string(kind)+" of type "+clip(file.MimeType), "it takes "+Takes(kind))
	case file.Size == 0:
		return wrong("the file is empty", "")
	case file.Size > 0 && uint64(file.Size) > most:
		return wrong("the file has "+size(uint64(file.Size))+", the limit of "+clip(file.MimeType)+" is "+size(most),
			"make it smaller, or send it as a document of at most 100 MB")
	case f.Voice && !IsVoice(file):
		return wrong("the file is no voice message", "voice messages are OGG with the codec Opus")
	case kind == chat.MediaSticker && !isAnimated(file.Head) && file.Size > StillStickerMax:
		return wrong("the sticker has "+size(uint64(file.Size))+", the limit of one that does not move is "+size(StillStickerMax), "make it smaller")
	}
	file.MaxBytes = int64(most)
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
