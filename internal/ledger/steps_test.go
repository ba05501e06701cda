package ledger

// event is one thing that happens, for a trace.
type event struct {
	what what
	// who is a run, or else the slot of an execution.
	who int
}

type what uint8

const (
	runStarts what = iota
	runIsReset
	runIsTerminated
	runLosesAttempt
	runHearsCallback
	runHearsFailure
	runMeetsDeadline
	runRecordsPaid
	runRecordsFailed
	runCloses
	recordAnswerLost
	recordAbandoned
	taskExecutedAgain
	taskRepeated
	lateCallback
	lateFailure
	lateWriteArrives
	executionReads
	executionWrites
	writeFails
	writeAnswerLost
	writeAnswerLostStoreAway
	writeNeverArrives
	writeUnderWay
	writeUnderWayStoreAway
	storeAway
	callAccepted
	callRefused
	callAcceptedAnswerLost
	callLost
)

var whatNames = map[what]string{
	runStarts:                "starts",
	runIsReset:               "begins, a reset, and its base is terminated",
	runIsTerminated:          "is terminated",
	runLosesAttempt:          "loses its attempt to a time-out",
	runHearsCallback:         "hears the callback: paid",
	runHearsFailure:          "hears that the separation has failed",
	runMeetsDeadline:         "ends at its deadline",
	runRecordsPaid:           "records paid",
	runRecordsFailed:         "records failed",
	runCloses:                "closes the ledger",
	recordAnswerLost:         "writes the ledger, and the answer is lost",
	recordAbandoned:          "gives up writing the ledger",
	taskExecutedAgain:        "begins: the engine executes the task again",
	taskRepeated:             "begins, and knows that it is a repetition",
	lateCallback:             "has its callback after its run, and it is recorded",
	lateFailure:              "has its failure recorded after its run",
	lateWriteArrives:         "the write under way arrives",
	executionReads:           "reads",
	executionWrites:          "writes",
	writeFails:               "cannot write: there is another content",
	writeAnswerLost:          "writes, and the answer is lost",
	writeAnswerLostStoreAway: "writes, the answer is lost, and the store is away",
	writeNeverArrives:        "writes in vain",
	writeUnderWay:            "writes, and takes it for lost while it is under way",
	writeUnderWayStoreAway:   "writes, takes it for lost while it is under way, and the store is away",
	storeAway:                "gives up: the store is away",
	callAccepted:             "CALLS and is accepted",
	callRefused:              "calls and is refused",
	callAcceptedAnswerLost:   "CALLS and is accepted, but the answer is lost",
	callLost:                 "calls, and nothing arrives",
}

func (m *model) describe(e event) string {
	text := whatNames[e.what]
	switch {
	case e.what == lateWriteArrives:
		return text
	case e.what <= recordAbandoned:
		return "run " + m.players[e.who].id + " " + text
	case e.who == legacySlot:
		return "the legacy execution " + text
	default:
		return "execution " + m.slots[e.who].nonce + " " + text
	}
}

// fault counts one. It reports whether the bounds allow it.
func (m *model) fault(s *state) bool {
	s.faults++
	return int(s.faults) <= m.faults
}

// calm reports whether nothing has gone wrong, and no operator has pressed a button.
func (m *model) calm(s state) bool {
	for run, k := range m.runs {
		if k.resets > 0 && s.runs[run].phase != notStarted {
			return false
		}
	}
	return s.faults == 0 && m.legacyRun == ""
}

// emit takes in a next state, and the event that led there.
type emit func(state, event)

// next emits every state that may follow.
func (m *model) next(s state, out emit) {
	for run := range m.runs {
		m.runSteps(s, run, out)
	}
	for slot := range m.slotCount() {
		if s.slots[slot] >= underWay {
			m.executionSteps(s, slot, out)
		}
	}
	for slot := range maxSlots + 1 {
		if s.billed&(1<<slot) != 0 {
			m.separationSteps(s, slot, out)
		}
	}
	for file, late := range s.late {
		if n := s; late != 0 {
			m.land(&n, file, late)
			out(n, event{lateWriteArrives, 0})
		}
	}
}

func (m *model) runSteps(s state, run int, out emit) {
	r := s.runs[run]
	if r.phase != notStarted && r.phase < ended && r.phase != knows {
		n := s
		m.abandon(&n, run)
		if m.fault(&n) {
			out(n, event{runIsTerminated, run})
		}
	}
	switch r.phase {
	case notStarted:
		m.start(s, run, out)
	case submitting:
		known := m.knowns[r.known]
		n := s
		if m.fault(&n) {
			m.attempted(n, run, Lost, "", 0, event{runLosesAttempt, run}, out)
		}
		if again := m.slot(run, known.Attempt, 2); m.executions > 1 && s.slots[again] == notBegun {
			n := s
			if m.fault(&n) {
				m.become(n, again, m.begin(again, r.known, false), event{taskExecutedAgain, again}, out)
				m.become(n, again, m.begin(again, r.known, true), event{taskRepeated, again}, out)
			}
		}
	case awaiting:
		for slot := range maxSlots + 1 {
			bit := uint16(1) << slot
			if s.billed&bit == 0 || m.slots[slot].owner != m.players[run].owner {
				continue
			}
			n := s
			n.runs[run].phase, n.runs[run].sep = learnsPaid, uint8(slot)
			if s.failed&bit == 0 {
				out(n, event{runHearsCallback, run})
			}
			n.runs[run].phase = learnsFailed
			if m.fail(&n, slot) {
				out(n, event{runHearsFailure, run})
			}
		}
		m.end(s, run, event{runMeetsDeadline, run}, out)
	case knows:
		s.runs[run].phase = learnsFailed
		if m.fail(&s, int(r.sep)) {
			out(s, event{runHearsFailure, run})
		}
	case learnsPaid:
		m.record(s, run, knows, runRecordsPaid, out)
	case learnsFailed:
		m.record(s, run, ended, runRecordsFailed, out)
	case tidies, closes:
		m.closeStep(s, run, out)
	case endedCloses:
		file := m.players[run].file
		if closed := m.close(s.ledger[file], run, r.known); closed.news {
			m.land(&s, file, closed.after)
		}
		s.runs[run] = runAt{phase: ended}
		out(s, event{runCloses, run})
	}
}

// closeStep closes the ledger, until that succeeds or is given up with the run.
func (m *model) closeStep(s state, run int, out emit) {
	r := s.runs[run]
	then := func(s *state, mayHavePaid bool) {
		switch {
		case r.phase == tidies:
			s.runs[run] = runAt{phase: knows, sep: r.sep}
		case mayHavePaid:
			s.runs[run] = runAt{phase: ended}
		default:
			s.runs[run] = runAt{phase: saysUnpaid}
		}
	}
	n := s
	closed := m.close(s.ledger[m.players[run].file], run, r.known)
	m.write(&n, closed, run, out)
	then(&n, closed.mayHavePaid)
	out(n, event{runCloses, run})
	if m.fault(&s) {
		m.abandon(&s, run)
		if known := m.knowns[r.known]; r.phase == closes && !known.MayHavePaid() {
			s.runs[run] = runAt{phase: saysUnpaid}
		}
		out(s, event{recordAbandoned, run})
	}
}

// abandon ends a run in the midst: by termination, or by a cancellation while the store is away.
// What it had to take back may stay, but an activity that is about to do so may live on.
func (m *model) abandon(s *state, run int) {
	r := &s.runs[run]
	if r.phase == closes || r.phase == tidies {
		*r = runAt{phase: endedCloses, known: r.known}
	} else {
		*r = runAt{phase: ended}
	}
	for slot := range m.slotCount() {
		if m.slots[slot].run == run && s.slots[slot] == surelyUnpaid {
			s.slots[slot] = over
		}
	}
}

// write writes a change, where there is one. When the answer is lost the run does it again.
func (m *model) write(s *state, c change, run int, out emit) {
	if !c.news {
		return
	}
	m.land(s, m.players[run].file, c.after)
	if lost := *s; m.fault(&lost) {
		out(lost, event{recordAnswerLost, run})
	}
}

// start begins a run. Of runs of one kind, which nobody can tell apart, the first one starts first.
func (m *model) start(s state, run int, out emit) {
	if base := m.runs[run].resets - 1; base >= 0 {
		b := &s.runs[base]
		if b.phase == notStarted {
			return
		}
		known, submits := m.knowns[b.known], b.phase == submitting
		if b.phase < ended {
			m.abandon(&s, base)
		}
		m.prepare(s, run, Run{Reset: true}, event{runIsReset, run}, out)
		if submits && known.Attempt > 1 {
			// To after the attempt before: what it learned is kept, and the attempt under way is
			// made again.
			known.Attempt--
			known.Reset = true
			m.prepare(s, run, known, event{runIsReset, run}, out)
		}
		return
	}
	if run > 0 && m.runs[run-1] == m.runs[run] && s.runs[run-1].phase == notStarted {
		return
	}
	known := Run{}
	if m.legacyRun == m.players[run].id {
		known.Begin() // on a worker of an earlier release, which was lost
		known.After(Lost, "")
	}
	m.prepare(s, run, known, event{runStarts, run}, out)
}

// prepare is what a run does before it submits: a ledger that is paid is resumed.
func (m *model) prepare(s state, run int, known Run, e event, out emit) {
	if slot := m.paidFrom(s.ledger[m.players[run].file]); slot >= 0 && !m.players[run].force {
		s.runs[run] = runAt{phase: knows, sep: uint8(slot)}
		out(s, e)
		return
	}
	m.submit(s, run, known, e, out)
}

// submit begins an attempt. Either an execution begins at once, or none ever.
func (m *model) submit(s state, run int, known Run, e event, out emit) {
	known.Begin()
	s.runs[run].phase, s.runs[run].known = submitting, m.knownID(known)
	slot := m.slot(run, known.Attempt, 1)
	m.become(s, slot, m.begin(slot, s.runs[run].known, false), e, out)
	if m.fault(&s) {
		m.attempted(s, run, NeverBegun, "", 0, e, out)
	}
}

// attempted takes an outcome of an attempt to its run, which does the next thing.
func (m *model) attempted(s state, run int, outcome Outcome, behind string, sep int, e event, out emit) {
	r := &s.runs[run]
	then := m.outcome(r.known, outcome, behind)
	r.known = then.known
	switch then.next {
	case Proceed:
		r.sep = uint8(sep)
		if behind != "" {
			r.phase = learnsPaid
		} else {
			m.known(&s, run, knows)
		}
		out(s, e)
	case AwaitCallback:
		r.phase = awaiting
		out(s, e)
	case SubmitAgain:
		if known := m.knowns[r.known]; known.Attempt < m.attempts {
			m.submit(s, run, known, e, out)
		}
		m.end(s, run, e, out)
	case Stop:
		m.end(s, run, e, out)
	}
}

// known is what a run does that has recorded what it knows of its separation.
func (m *model) known(s *state, run int, then phase) {
	r := &s.runs[run]
	switch {
	case len(m.knowns[r.known].Refused) > 0:
		r.phase = tidies
	case then == knows:
		*r = runAt{phase: knows, sep: r.sep}
	default:
		*r = runAt{phase: then}
	}
}

// end ends a run that knows no separation.
func (m *model) end(s state, run int, e event, out emit) {
	if known := m.knowns[s.runs[run].known]; known.MustClose() {
		s.runs[run].phase = closes
	} else {
		s.runs[run] = runAt{phase: saysUnpaid}
	}
	out(s, e)
}

// record writes what a run has learned of its separation. It is made until it succeeds, and is
// given up with the run.
func (m *model) record(s state, run int, then phase, what what, out emit) {
	r := s.runs[run]
	n := s
	m.write(&n, m.learn(s.ledger[m.players[run].file], int(r.sep), run, what == runRecordsFailed), run, out)
	m.known(&n, run, then)
	out(n, event{what, run})
	if m.fault(&s) {
		m.abandon(&s, run)
		out(s, event{recordAbandoned, run})
	}
}

// fail is what a separation's failure does, which matters from when a run hears of it. It
// reports whether there may be one.
func (m *model) fail(s *state, slot int) bool {
	bit := uint16(1) << slot
	if s.failed&bit != 0 {
		return true
	}
	s.failed |= bit
	return m.failures && m.fault(s)
}

// separationSteps are what comes of a separation once no run is left to hear of it.
func (m *model) separationSteps(s state, slot int, out emit) {
	run := -1
	for r := range m.runs {
		if m.players[r].owner == m.slots[slot].owner && s.runs[r].phase != notStarted {
			run = r // the last of its chain
		}
	}
	if run >= 0 && s.runs[run].phase < ended && s.runs[run].phase != knows {
		return
	}
	file := m.file(slot)
	if paid := m.learn(s.ledger[file], slot, run, false); paid.news && s.failed&(1<<slot) == 0 {
		n := s
		m.land(&n, file, paid.after)
		out(n, event{lateCallback, slot})
	}
	if failed := m.learn(s.ledger[file], slot, run, true); failed.news && m.fail(&s, slot) {
		m.land(&s, file, failed.after)
		out(s, event{lateFailure, slot})
	}
}

// become goes on with what an execution is now. One that has something to report does so at once.
func (m *model) become(s state, slot int, id uint32, e event, out emit) {
	s.slots[slot] = m.settled(id, s.ledger[m.file(slot)])
	if m.execution(id).step == Report {
		m.report(s, slot, e, out)
		return
	}
	out(s, e)
}

func (m *model) executionSteps(s state, slot int, out emit) {
	id := s.slots[slot]
	x := m.execution(id)
	file := m.file(slot)
	to := func(n state, id uint32, what what) { m.become(n, slot, id, event{what, slot}, out) }
	if x.step == Read || x.step == Write {
		if n := s; m.fault(&n) {
			to(n, m.giveUp(id), storeAway)
		}
	}
	switch x.step {
	case Read:
		next := m.haveRead(id, m.viewOf(file, s.ledger[file]), s.ledger[file])
		if m.execution(next).step == Read {
			m.wrong("execution %s reads for ever", m.slots[slot].nonce)
		}
		if m.execution(next).step == Write && !m.stepwise {
			// What it reads counts only if it still stands when it writes: both at once.
			s.slots[slot] = next
			m.executionSteps(s, slot, out)
			return
		}
		to(s, next, executionReads)
	case Write:
		failed := m.haveFailed(id)
		if x.etag != s.ledger[file] {
			to(s, failed, writeFails)
			return
		}
		n := s
		m.land(&n, file, x.writing)
		m.intended(n, slot, x)
		written := m.haveWritten(id, x.writing)
		if step := m.execution(written).step; step != Call && step != Report {
			m.wrong("execution %s does not go on after a write that was confirmed", m.slots[slot].nonce)
		}
		to(n, written, executionWrites)
		if !m.fault(&n) {
			return
		}
		to(n, failed, writeAnswerLost)
		to(n, m.giveUp(failed), writeAnswerLostStoreAway)
		n = s
		m.fault(&n)
		to(n, failed, writeNeverArrives)
		if m.late && s.late[file] == 0 {
			n.late[file] = x.writing
			to(n, failed, writeUnderWay)
			to(n, m.giveUp(failed), writeUnderWayStoreAway)
		}
	case Call:
		n := s
		n.billed |= 1 << slot
		if s.billed&(1<<slot) != 0 {
			m.wrong("execution %s calls twice", m.slots[slot].nonce)
		}
		to(n, m.haveCalled(id, Accepts, m.slots[slot].separation), callAccepted)
		to(s, m.haveCalled(id, Refuses, ""), callRefused)
		if m.fault(&n) {
			to(n, m.haveCalled(id, NoAnswer, ""), callAcceptedAnswerLost)
		}
		if n := s; m.fault(&n) {
			to(n, m.haveCalled(id, NoAnswer, ""), callLost)
		}
	}
}

// current reports whether the run of an execution still waits for it.
func (m *model) current(s state, slot int) bool {
	at := m.slots[slot]
	r := s.runs[at.run]
	return r.phase == submitting && m.knowns[r.known].Attempt == at.attempt
}

// report takes the outcome of an execution to its run, if that still waits for it.
func (m *model) report(s state, slot int, e event, out emit) {
	x := m.execution(s.slots[slot])
	s.slots[slot] = over
	if !m.current(s, slot) {
		out(s, e)
		return
	}
	outcome, entry := x.Outcome()
	m.reported(s, slot, x, outcome, entry)
	file := m.file(slot)
	if (outcome == Refused || outcome == Unavailable) && (s.late[file] != 0 || m.stands(s.ledger[file], slot)) {
		s.slots[slot] = surelyUnpaid
	}
	behind := ""
	if x.behind {
		behind = m.slots[slot].nonce
	}
	sep, _ := m.slotOf(entry.SeparationTaskID)
	m.attempted(s, m.slots[slot].run, outcome, behind, sep, e, out)
}

// land puts a content in the store. A content never comes back, which is checked: from then on a
// write under way will fail, and so will any other of those that know the content before.
func (m *model) land(s *state, file int, content uint32) {
	m.follows(s.ledger[file], content)
	s.ledger[file] = content
	s.late[file] = 0
	for slot := range m.slotCount() {
		if m.file(slot) != file {
			continue
		}
		s.slots[slot] = m.settled(s.slots[slot], content)
	}
}

// settled is an execution that has found out at once what it is bound to find out: that its write
// fails.
func (m *model) settled(id, ledger uint32) uint32 {
	if m.stepwise || id < underWay {
		return id
	}
	x := m.execution(id)
	switch {
	case x.etag == ledger:
		return id
	case x.step == Write:
		return m.haveFailed(id)
	case x.step == Call:
		return m.outrun(id)
	}
	return id
}
