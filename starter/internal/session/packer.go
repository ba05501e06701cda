package session

import (
	"archive/zip"
	"context"
	"hash/crc32"
	"io"
	"time"
)

// packer writes a zip file.
type packer struct {
	ctx context.Context
	zip *zip.Writer
	at  time.Time
}

func newPacker(ctx context.Context, w io.Writer, at time.Time) *packer {
	if first := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(first) {
		at = first // a zip file holds no earlier time
	}
	return &packer{ctx: ctx, zip: zip.NewWriter(w), at: at.UTC()}
}

// zipVersion is that of the features that are used: 2.0.
const zipVersion = 20

// store adds an object as it is: audio does not get smaller. Its size and checksum are known, so
// they stand before it, where all readers look for them.
func (p *packer) store(part part, open Open) error {
	header := &zip.FileHeader{
		Name: part.Name, Method: zip.Store, CRC32: part.crc,
		CreatorVersion: zipVersion, ReaderVersion: zipVersion,
		CompressedSize64: uint64(part.Size), UncompressedSize64: uint64(part.Size),
	}
	header.ModifiedDate, header.ModifiedTime = dosTime(p.at) //nolint:staticcheck // CreateRaw writes no other time
	const utf8Name = 1 << 11
	header.Flags = utf8Name
	entry, err := p.zip.CreateRaw(header)
	if err != nil {
		return err
	}
	in, err := open(part.Key)
	if err != nil {
		return err
	}
	defer in.Close()
	crc := crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(entry, crc), contextReader{p.ctx, io.LimitReader(in, part.Size+1)})
	if err != nil {
		return err
	}
	if n != part.Size || crc.Sum32() != part.crc {
		return damaged(part.File, "changed while it was read")
	}
	return nil
}

// text adds a text.
func (p *packer) text(name string, write func(io.Writer) error) error {
	entry, err := p.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: p.at})
	if err != nil {
		return err
	}
	return write(entry)
}

func (p *packer) close() error { return p.zip.Close() }

// dosTime is a time as zip files have it, to two seconds.
func dosTime(t time.Time) (date, clock uint16) {
	year, month, day := t.Date()
	date = uint16(year-1980)<<9 | uint16(month)<<5 | uint16(day)
	return date, uint16(t.Hour())<<11 | uint16(t.Minute())<<5 | uint16(t.Second()/2)
}
