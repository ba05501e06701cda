package view

import (
	"fmt"
	"io"

	"stemflow"
)

// WAV prints what a conversion archived.
func WAV(w io.Writer, in stemflow.ConvertToWAVInput, result *stemflow.ConvertToWAVResult) {
	by := settled[result.SettledBy]
	if result.SettledBy == stemflow.SettledByArchive {
		by = "it was archived before"
	}
	fmt.Fprintf(w, "Archived the WAV of %s: %s\n\n", Printable(in.AudioID), by)
	fmt.Fprintf(w, "  file          %s, %s\n", ObjectText(stemflow.ObjectRef{
		Bucket: result.WAV.Bucket, Key: result.WAV.Key,
	}), Bytes(result.WAV.Size))
	cost := "nothing"
	if result.Paid {
		cost = fmt.Sprintf("%g credits, by the documented price", result.Credits)
	}
	fmt.Fprintf(w, "  cost          %s\n", cost)
	fmt.Fprintf(w, "  sha256        %s\n", result.WAV.SHA256)
}
