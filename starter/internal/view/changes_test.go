package view

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/starter/internal/observe"
)

func TestJournal(t *testing.T) {
	var out bytes.Buffer
	j := &journal[observe.Observation]{w: &out, picture: Separation{}}
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	waiting := &stemflow.Progress{Phase: stemflow.PhaseWaiting, PollingFrom: at(180)}

	j.Show(observe.Observation{}, at(0))
	j.Show(observe.Observation{Trouble: "no worker"}, at(1))
	j.Show(observe.Observation{Trouble: "no worker"}, at(2))
	j.Show(observe.Observation{Progress: waiting}, at(3))
	j.Show(observe.Observation{Progress: waiting, Trouble: "Temporal does not answer"}, at(4))
	j.Show(observe.Observation{Progress: waiting}, at(5))

	seen := archivingRun()
	j.Show(seen, at(6))
	j.Show(seen, at(7))
	later := archivingRun()
	later.Activities.Failing, later.Activities.Retries = nil, map[string]observe.Failing{
		"synth": {What: "archiving synth", Attempt: 4, Message: "object store: refused"},
		"bass":  {What: "archiving bass", Attempt: 2, Message: "cut\x1b[2J short"},
	}
	later.Progress.Stems[2] = stemflow.StemProgress{Name: "drums", State: stemflow.StemArchived, Size: 5_000_000}
	j.Show(later, at(8))

	require.Equal(t, `12:00:01  no worker
12:00:03  waiting for the callback, polling from 12:03:00
12:00:04  Temporal does not answer
12:00:05  waiting for the callback, polling from 12:03:00
12:00:06  archiving 6 stems
12:00:06  completing the ledger, attempt 2: object store: refused
12:00:06  archiving synth, attempt 3: object store: refused
12:00:06  archived vocals, 4.8 MB
12:00:06  could not archive fx
12:00:08  archiving bass, attempt 2: cut [2J short
12:00:08  archived drums, 5.0 MB
`, out.String())
}
