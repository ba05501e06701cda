package view

import (
	"fmt"

	"stemflow"
	"stemflow/starter/internal/observe"
)

// phaseText says what a run is doing and what it waits for. It changes only when that does.
func phaseText(o observe.Observation) string {
	p := o.Progress
	if p == nil {
		return "starting"
	}
	switch p.Phase {
	case stemflow.PhasePreparing:
		return "looking at the archive"
	case stemflow.PhaseSubmitting:
		switch {
		case o.Activities.Submitting:
			return "submitting the track (this is the paid call)"
		case o.Activities.Idle: // between two attempts
			return "submitting again soon: the provider has not taken the track, or an earlier attempt is unclear"
		default:
			return "waiting for its turn to submit the track"
		}
	case stemflow.PhaseWaiting:
		switch {
		case p.SubmissionUnknown:
			return "whether the provider took the track is not known, waiting for its callback until " + timeOfDay(
				p.Deadline,
			)
		case p.PollingFrom.IsZero():
			return "waiting for the provider"
		default:
			return "waiting for the callback, polling from " + timeOfDay(p.PollingFrom)
		}
	case stemflow.PhasePolling:
		return "polling the provider until " + timeOfDay(p.Deadline)
	case stemflow.PhaseArchiving:
		if stems := countStems(p); stems.archiving == 0 && len(p.Stems) > 0 {
			return "writing the manifest"
		}
		return fmt.Sprintf("archiving %d stems", len(p.Stems))
	case stemflow.PhaseMIDI:
		return "making the MIDI, the stems are archived"
	case stemflow.PhaseDone:
		return "done"
	case stemflow.PhaseCancelling:
		return "cancelling: what is paid for is kept"
	case stemflow.PhaseFailed, stemflow.PhaseCancelled:
		return endText(string(p.Phase), p.Failure)
	default:
		return string(p.Phase)
	}
}

// endText says how a run ended that has no result.
func endText(phase string, f *stemflow.RunFailure) string {
	if f == nil || f.Type == stemflow.ReasonCanceled {
		return phase
	}
	return phase + ": " + f.Type + ": " + OneLine(f.Message)
}

// phaseCount is how far the phase has got: "4 done, 19.2 MB". It changes all the time.
func phaseCount(o observe.Observation) string {
	switch {
	case o.Progress == nil:
		return ""
	case o.Progress.Phase == stemflow.PhasePolling && o.Activities.Polls == 1:
		return "looked once"
	case o.Progress.Phase == stemflow.PhasePolling && o.Activities.Polls > 1:
		return fmt.Sprintf("looked %d times", o.Activities.Polls)
	case len(o.Progress.Stems) > 0:
		stems := countStems(o.Progress)
		for _, t := range o.Activities.Transfers {
			stems.bytes += t.Bytes
		}
		return fmt.Sprintf("%d done, %s", stems.archived, byteText(stems.bytes))
	default:
		return ""
	}
}

type stemCount struct {
	archiving, archived int
	bytes               int64
}

func countStems(p *stemflow.Progress) stemCount {
	var n stemCount
	for _, stem := range p.Stems {
		switch stem.State {
		case stemflow.StemArchived:
			n.archived++
			n.bytes += stem.Size
		case stemflow.StemArchiving:
			n.archiving++
		}
	}
	return n
}
