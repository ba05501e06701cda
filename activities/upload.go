package activities

import (
	"bufio"
	"context"
	"io"

	"stemflow"
)

// upload stores what write writes: all of it, or nothing if write fails, whose error it returns.
// Nothing is held but a part of the upload.
func upload(
	ctx context.Context,
	store Store,
	to stemflow.ObjectRef,
	contentType string,
	write func(context.Context, io.Writer) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, pipe := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		buffered := bufio.NewWriter(pipe)
		err := write(ctx, buffered)
		if err == nil {
			err = buffered.Flush()
		}
		if err == io.EOF { // that of what it reads: what is written is cut off there, and not whole
			err = io.ErrUnexpectedEOF
		}
		pipe.CloseWithError(err) // the end, where it is nil
	}()
	_, err := store.Put(ctx, to.Bucket, to.Key, contentType, body, -1)
	cancel()
	_ = body.Close()
	<-written
	return err
}
