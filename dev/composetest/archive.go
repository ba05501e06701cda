package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"stemflow"
	"stemflow/internal/archive"
)

// What docker-compose.yml sets unless told otherwise.
const (
	accessKey = "stemflow"
	secretKey = "stemflow-local"
	bucket    = "stems"
)

// stemCount is how many stems each track of this test has.
const stemCount = 12

// starter starts a track with the starter's container, or joins its run. Without --wait the result
// is empty.
func (p project) starter(
	ctx context.Context,
	in stemflow.SeparateStemsInput,
	flags ...string,
) (stemflow.SeparateStemsResult, error) {
	var result stemflow.SeparateStemsResult
	args := append(
		[]string{
			"run",
			"--rm",
			"--no-TTY",
			"--no-deps",
			"starter",
			"start",
			"--json",
			"--task-id",
			in.TaskID,
			"--audio-id",
			in.AudioID,
			"--type",
			string(in.Type),
			"--callback-grace",
			"30s",
			"--poll-interval",
			"5s",
		},
		flags...)
	out, err := p.output(ctx, args...)
	if err != nil {
		return result, fmt.Errorf("%w%s", err, out)
	}
	return result, json.Unmarshal([]byte(out), &result)
}

// checkArchive reads back, with the credentials that stemflow has, what a separation says it has
// archived.
func (p project) checkArchive(ctx context.Context, result stemflow.SeparateStemsResult) error {
	addr, err := p.address(ctx, "storegate", 9000)
	if err != nil {
		return err
	}
	store, err := archive.New(archive.Options{Endpoint: addr, AccessKey: accessKey, SecretKey: secretKey})
	if err != nil {
		return err
	}
	if len(result.Stems) != stemCount {
		return fmt.Errorf("%d stems were archived", len(result.Stems))
	}
	for _, stem := range result.Stems {
		object, _, err := store.Open(ctx, bucket, stem.Key)
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, object)
		object.Close()
		if err != nil {
			return err
		}
		if hex.EncodeToString(sum.Sum(nil)) != stem.SHA256 {
			return fmt.Errorf("%s is not what the result says", stem.Key)
		}
	}
	var manifest stemflow.Manifest
	if _, err := store.ReadJSON(ctx, bucket, result.Manifest.Key, &manifest); err != nil {
		return err
	}
	if !slices.Equal(manifest.Stems, result.Stems) {
		return errors.New("the manifest has other stems than the result")
	}
	var refused *archive.Error
	if err := store.EnsureBucket(ctx, "another-bucket"); !errors.As(err, &refused) || refused.Code != "AccessDenied" {
		return fmt.Errorf("stemflow's credentials may do more than they should: another bucket: %w", err)
	}
	return nil
}

// checkBill demands that a track was paid for once.
func (p project) checkBill(ctx context.Context, audioID string) error {
	bill, err := p.bill(ctx)
	if err != nil {
		return err
	}
	paid := 0
	for _, charge := range bill.Charges {
		if charge.AudioID == audioID {
			paid++
		}
	}
	if paid != 1 {
		return fmt.Errorf("the track was paid for %d times", paid)
	}
	return nil
}

// fromArchive starts a track again that was archived before, which must cost nothing.
func (p project) fromArchive(ctx context.Context, in stemflow.SeparateStemsInput) error {
	result, err := p.starter(ctx, in, "--wait")
	if err != nil {
		return err
	}
	if result.SettledBy != stemflow.SettledByArchive {
		return fmt.Errorf("the archived track was settled by %s", result.SettledBy)
	}
	if err := p.checkArchive(ctx, result); err != nil {
		return err
	}
	return p.checkBill(ctx, in.AudioID)
}
