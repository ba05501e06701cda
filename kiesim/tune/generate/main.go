// Command generate composes the tune that kiesim plays and writes one MP3 per stem. The sound is synthesised from the score in
// score.go and is the same at every run. It needs lame, as packaged by Debian: apt-get install -y lame.
//
// The MP3s have a constant bit rate and no tag, so that every byte of them belongs to a frame and frames can be repeated.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "stems", "directory for the MP3s")
	wav := flag.String("wav", "", "directory for the WAVs as well; by default they are dropped")
	flag.Parse()
	if err := generate(*out, *wav); err != nil {
		log.Fatal(err)
	}
}

func generate(out, wavDir string) error {
	if wavDir == "" {
		scratch, err := os.MkdirTemp("", "tune")
		if err != nil {
			return err
		}
		defer os.RemoveAll(scratch)
		wavDir = scratch
	}
	for name, stem := range play() {
		wav := filepath.Join(wavDir, name+".wav")
		if err := writeWAV(wav, stem); err != nil {
			return fmt.Errorf("write %s: %w", wav, err)
		}
		mp3 := filepath.Join(out, name+".mp3")
		encode := exec.Command("lame", "--quiet", "-t", "--cbr", "-b", "64", "-m", "m", "--resample", "48", "-q", "2", wav, mp3)
		encode.Stderr = os.Stderr
		if err := encode.Run(); err != nil {
			return fmt.Errorf("encode %s with lame: %w", mp3, err)
		}
	}
	return nil
}
