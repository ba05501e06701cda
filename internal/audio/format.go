// Package audio tells what a stream of bytes is, whether there is audio in it, how long it plays,
// and of MP3 about how loud, without decoding it.
package audio

import "slices"

// Format is a container or codec of audio.
type Format struct {
	// Ext is the usual file name extension, without a dot.
	Ext string
	// ContentType is the media type.
	ContentType string
}

// IsExtension reports whether an extension is that of a format.
func IsExtension(ext string) bool {
	formats := []Format{mp3, wav, flac, ogg, m4a, aac, aiff}
	return slices.ContainsFunc(formats, func(f Format) bool { return f.Ext == ext })
}

var (
	// mp3 is MPEG audio of any version and layer, which players take under this name.
	mp3  = Format{"mp3", "audio/mpeg"}
	wav  = Format{"wav", "audio/wav"}
	flac = Format{"flac", "audio/flac"}
	ogg  = Format{"ogg", "audio/ogg"}
	m4a  = Format{"m4a", "audio/mp4"}
	aac  = Format{"aac", "audio/aac"}
	aiff = Format{"aiff", "audio/aiff"}
)
