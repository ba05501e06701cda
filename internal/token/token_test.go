package token

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
)

const (
	secretOld   = "old-secret-of-the-bridge"
	secretNew   = "new-secret-of-the-bridge"
	secretOther = "somebody-elses-secret-01"
)

var (
	now    = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	claims = Claims{
		Namespace:  "default",
		WorkflowID: "stems:split_stem:5c79be8e:e231-8cadc7dc",
		RunID:      "01a20ac5-e72c-71ad-8361-e961eeb6664b",
		Expires:    now.Add(time.Hour),
	}
	trace = Trace{
		TraceID: [16]byte{
			0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36,
		},
		SpanID: [8]byte{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
		Flags:  1,
	}
)

func traced() Claims {
	c := claims
	c.Trace = trace
	return c
}

// tracked are claims that name queue and track as well.
func tracked() Claims {
	c := claims
	c.TaskQueue = "stemflow"
	c.Track = stemflow.Track{
		TaskID: "5c79be8e", AudioID: "e231-8cadc7dc", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal",
	}
	return c
}

func trackedAndTraced() Claims {
	c := tracked()
	c.Trace = trace
	return c
}

// longest are claims of the longest names that Temporal takes and the longest track that an input
// may name.
func longest() Claims {
	id := strings.Repeat("i", 128)
	return Claims{
		Namespace: strings.Repeat("n", maxNamespace), RunID: strings.Repeat("r", 36),
		WorkflowID: strings.Repeat("w", maxWorkflowID), TaskQueue: strings.Repeat("q", 1000),
		Track:   stemflow.Track{TaskID: id, AudioID: id, Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"},
		Expires: claims.Expires, Trace: trace,
	}
}

func keyring(t testing.TB, secrets ...string) *Keyring {
	t.Helper()
	k, err := NewKeyring(secrets)
	require.NoError(t, err)
	return k
}

func TestMintedTokenVerifies(t *testing.T) {
	tests := map[string]Claims{
		"usual":    claims,
		"shortest": {Namespace: "n", WorkflowID: "w", Expires: claims.Expires},
		"longest": {
			Namespace:  strings.Repeat("n", maxNamespace),
			RunID:      strings.Repeat("r", 36),
			WorkflowID: strings.Repeat("w", maxWorkflowID),
			Expires:    claims.Expires,
		},
		"any bytes": {Namespace: "a/b", WorkflowID: "stücke\x00\xff/../?#", Expires: claims.Expires},
		"traced":    {Namespace: "default", WorkflowID: "w", RunID: "r", Expires: claims.Expires, Trace: trace},
		"longest, traced": {
			Namespace: strings.Repeat("n", maxNamespace), RunID: strings.Repeat("r", 36),
			WorkflowID: strings.Repeat("w", maxWorkflowID), Expires: claims.Expires, Trace: trace,
		},
		"queue and track":         tracked(),
		"queue and track, traced": trackedAndTraced(),
		"of a type without a stem": {
			Namespace: "n", WorkflowID: "w", TaskQueue: "q", Expires: claims.Expires,
			Track: stemflow.Track{TaskID: "t", AudioID: "a", Type: "x"},
		},
		"dot between them": {Namespace: "a.b", WorkflowID: "c", Expires: claims.Expires},
	}
	k := keyring(t, secretNew)
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			minted := k.Mint(want)
			require.Regexp(t, `^[A-Za-z0-9_-]+$`, minted, "stands in a URL's path as it is")
			require.LessOrEqual(t, len(minted), maxToken)
			got, err := k.Verify(minted, now)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// A token that is out must be taken by later releases: its bytes are frozen with version 1.
func TestTokenOfVersion1(t *testing.T) {
	const minted = "AQAAAABpp8vPB2RlZmF1bHQkMDFhMjBhYzUtZTcyYy03MWFkLTgzNjEtZTk2MWVlYjY2NjRic3RlbXM6c3BsaXRfc3RlbTo1Yzc5YmU4ZTplMjMxLThjYWRjN2RjI1AZaFlKwaNm-pwqvTK2jqIfQpkVbRThCr6r502ZAAA"
	k := keyring(t, secretNew)
	require.Equal(t, minted, k.Mint(claims))
}

// So are those of version 2, which is made where the submit is traced; all others stay as they
// were.
func TestTokenOfVersion2(t *testing.T) {
	const minted = "Akv5LzV3s02mo86SnQ4ORzYA8GeqC6kCtwEAAAAAaafLzwdkZWZhdWx0JDAxYTIwYWM1LWU3MmMtNzFhZC04MzYxLWU5NjFlZWI2NjY0YnN0ZW1zOnNwbGl0X3N0ZW06NWM3OWJlOGU6ZTIzMS04Y2FkYzdkYzhc1ubWJEXaeilDhvlUirhtJ-1vWHTsJmkLm0bKr-kd"
	k := keyring(t, secretNew)
	require.Equal(t, minted, k.Mint(traced()))
	require.LessOrEqual(t, len(minted), len(k.Mint(claims))+34, "a trace takes 25 bytes before base64")
}

// Version 3 names queue and track, with a trace or without.
func TestTokenOfVersion3(t *testing.T) {
	k := keyring(t, secretNew)
	require.Equal(t, "AwAAAAAAaafLzwdkZWZhdWx0JDAxYTIwYWM1LWU3MmMtNzFhZC04MzYxLWU5NjFlZWI2NjY0YghzdGVtZmxvdwg1Yzc5YmU4"+
		"ZQ1lMjMxLThjYWRjN2RjE3NwbGl0X3N0ZW1fYWR2YW5jZWQKTGVhZCBWb2NhbHN0ZW1zOnNwbGl0X3N0ZW06NWM3OWJlOGU6"+
		"ZTIzMS04Y2FkYzdkY4SumVzZ17SbOd7BYIjCPvGHwaA2Jx-Q6uSllbXCSdn8", k.Mint(tracked()))
	require.Equal(t, "AwFL-S81d7NNpqPOkp0ODkc2APBnqgupArcBAAAAAGmny88HZGVmYXVsdCQwMWEyMGFjNS1lNzJjLTcxYWQtODM2MS1lOTYx"+
		"ZWViNjY2NGIIc3RlbWZsb3cINWM3OWJlOGUNZTIzMS04Y2FkYzdkYxNzcGxpdF9zdGVtX2FkdmFuY2VkCkxlYWQgVm9jYWxz"+
		"dGVtczpzcGxpdF9zdGVtOjVjNzliZThlOmUyMzEtOGNhZGM3ZGMnQBfNabW1mKusrBTxOijtwY5TNLe9nUHf0rfEGBFz-w",
		k.Mint(trackedAndTraced()))
}

// A callback that cannot be recorded later is better than none: queue and track are left out where
// they do not fit.
func TestQueueAndTrackAreLeftOutWhereTheyDoNotFit(t *testing.T) {
	k := keyring(t, secretNew)
	for name, cut := range map[string]func(*Claims){
		"queue of Temporal's longest name": func(c *Claims) { c.TaskQueue = strings.Repeat("q", 1000) },
		"queue of one byte too many":       func(c *Claims) { c.TaskQueue = strings.Repeat("q", maxText+1) },
		"task id too long":                 func(c *Claims) { c.Track.TaskID = strings.Repeat("t", maxText+1) },
		"audio id too long":                func(c *Claims) { c.Track.AudioID = strings.Repeat("t", maxText+1) },
		"stem name too long":               func(c *Claims) { c.Track.StemName = strings.Repeat("t", maxText+1) },
		"no queue":                         func(c *Claims) { c.TaskQueue = "" },
		"no track":                         func(c *Claims) { c.Track = stemflow.Track{} },
		"no type":                          func(c *Claims) { c.Track.Type = "" },
		"all names are long":               func(c *Claims) { *c = longest() },
		"all names are long, and the queue may stay": func(c *Claims) { *c = longest(); c.TaskQueue = "q" },
	} {
		t.Run(name, func(t *testing.T) {
			c := trackedAndTraced()
			cut(&c)
			minted := k.Mint(c)
			require.LessOrEqual(t, len(minted), maxToken)
			got, err := k.Verify(minted, now)
			require.NoError(t, err)
			c.TaskQueue, c.Track = "", stemflow.Track{}
			require.Equal(t, c, got)
		})
	}
	for n := range maxText { // somewhere here the track no longer fits
		c := longest()
		c.TaskQueue, c.Track.StemName, c.Trace = "q", strings.Repeat("t", n), Trace{}
		c.WorkflowID = c.WorkflowID[:800]
		got, err := k.Verify(k.Mint(c), now)
		require.NoError(t, err, n)
		require.Equal(t, c.WorkflowID, got.WorkflowID)
	}
	sensible := longest()
	named := sensible.Track
	sensible.WorkflowID = stemflow.WorkflowID(stemflow.SeparateStemsInput{
		TaskID: named.TaskID, AudioID: named.AudioID, Type: named.Type, StemName: named.StemName,
	})
	sensible.TaskQueue = strings.Repeat("q", maxText)
	got, err := k.Verify(k.Mint(sensible), now)
	require.NoError(t, err)
	require.Equal(t, sensible, got, "under the usual workflow id the longest names fit")
}

func TestExpiryKeepsSeconds(t *testing.T) {
	k := keyring(t, secretNew)
	c := claims
	c.Expires = now.Add(90*time.Second + 999*time.Millisecond).In(time.FixedZone("east", 3600))
	got, err := k.Verify(k.Mint(c), now)
	require.NoError(t, err)
	require.Equal(t, now.Add(90*time.Second), got.Expires)
}

func TestNamespaceAndWorkflowIDDoNotRunTogether(t *testing.T) {
	k := keyring(t, secretNew)
	a := k.Mint(Claims{Namespace: "ab", WorkflowID: "c", Expires: claims.Expires})
	b := k.Mint(Claims{Namespace: "a", WorkflowID: "bc", Expires: claims.Expires})
	require.NotEqual(t, a, b)
}

func TestExpiry(t *testing.T) {
	k := keyring(t, secretNew)
	minted := k.Mint(claims)
	_, err := k.Verify(minted, claims.Expires.Add(-time.Nanosecond))
	require.NoError(t, err)
	for _, late := range []time.Time{claims.Expires, claims.Expires.Add(time.Hour)} {
		_, err = k.Verify(minted, late)
		require.ErrorIs(t, err, ErrExpired)
	}
	zero := claims
	zero.Expires = time.Time{}
	_, err = k.Verify(k.Mint(zero), now)
	require.ErrorIs(t, err, ErrExpired)
}

func TestRotation(t *testing.T) {
	old, both, fresh := keyring(t, secretOld), keyring(t, secretNew, secretOld), keyring(t, secretNew)

	got, err := both.Verify(old.Mint(claims), now)
	require.NoError(t, err, "the old secret still verifies")
	require.Equal(t, claims, got)
	_, err = fresh.Verify(both.Mint(claims), now)
	require.NoError(t, err, "the first secret signs")
	_, err = fresh.Verify(old.Mint(claims), now)
	require.ErrorIs(t, err, ErrSignature, "a secret that is gone verifies nothing")
}

func TestForeignSecret(t *testing.T) {
	minted := keyring(t, secretOther).Mint(claims)
	_, err := keyring(t, secretNew, secretOld).Verify(minted, now)
	require.ErrorIs(t, err, ErrSignature)
}

func TestEveryChangedByteIsRefused(t *testing.T) {
	k := keyring(t, secretNew)
	for _, c := range []Claims{claims, traced(), tracked(), trackedAndTraced()} {
		raw, err := encoding.DecodeString(k.Mint(c))
		require.NoError(t, err)
		for i := range raw {
			for _, flip := range []byte{0x01, 0x03, 0x80} {
				changed := append([]byte(nil), raw...)
				changed[i] ^= flip
				want := ErrSignature
				if i == 0 && (changed[0] < version || changed[0] > versionTrack) {
					want = ErrMalformed
				}
				_, err := k.Verify(encoding.EncodeToString(changed), now)
				require.ErrorIsf(t, err, want, "byte %d", i)
			}
		}
	}
}

func TestEveryChangedCharacterIsRefused(t *testing.T) {
	k := keyring(t, secretNew)
	minted := k.Mint(claims)
	for i := range minted {
		for _, c := range []byte("AB_-=+/ \n.") {
			if minted[i] == c {
				continue
			}
			_, err := k.Verify(minted[:i]+string(c)+minted[i+1:], now)
			require.Errorf(t, err, "character %d as %q", i, c)
		}
	}
}

func TestTruncatedAndExtended(t *testing.T) {
	k := keyring(t, secretNew)
	minted := k.Mint(claims)
	for i := range minted {
		_, err := k.Verify(minted[:i], now)
		require.Errorf(t, err, "first %d characters", i)
		_, err = k.Verify(minted[i+1:], now)
		require.Errorf(t, err, "without the first %d characters", i+1)
	}
	for _, tail := range []string{"A", "AAAA", "=", "\n", "\r\n", "/"} {
		_, err := k.Verify(minted+tail, now)
		require.Errorf(t, err, "with %q after it", tail)
	}
}

func TestTokenLongerThanAnyIsNotLookedAt(t *testing.T) {
	k := keyring(t, secretNew)
	longest := "AQ" + strings.Repeat("A", maxToken-2)
	_, err := k.Verify(longest, now)
	require.ErrorIs(t, err, ErrSignature)
	_, err = k.Verify(longest+"AAAA", now)
	require.ErrorIs(t, err, ErrMalformed)
}

// What is signed and still cannot be one of our tokens is malformed: it came from another program
// with the same secret.
func TestSignedButMalformed(t *testing.T) {
	k := keyring(t, secretNew)
	signed := func(payload ...byte) string {
		return encoding.EncodeToString(append(payload, sum(k.secrets[0], payload)...))
	}
	expiry := []byte{0, 0, 0, 1, 0, 0, 0, 0}
	tests := map[string]string{
		"empty":                     "",
		"not base64":                "%%%%",
		"padded":                    k.Mint(claims) + "==",
		"version 0":                 signed(append(append([]byte{0}, expiry...), 1, 'n', 'w')...),
		"version 4":                 signed(append(append([]byte{4}, expiry...), 1, 'n', 'w')...),
		"version 2 without a trace": signed(append(append([]byte{versionTraced}, expiry...), 1, 'n', 0, 'w')...),
		"version 2, trace of zeros": signed(
			append(append(append([]byte{versionTraced}, make([]byte, traceSize)...), expiry...), 1, 'n', 0, 'w')...),
		"version 3 without flags":   signed(versionTrack),
		"version 3, a flag unknown": signed(changed(tracked().encode(), 1, 2)...),
		"version 3, trace of zeros": signed(append(append([]byte{versionTrack, flagTraced}, make([]byte, traceSize)...),
			tracked().encode()[2:]...)...),
		"version 3 without a queue": signed(version3(expiry, "", "t", "a", "x", "")...),
		"version 3, no task id":     signed(version3(expiry, "q", "", "a", "x", "")...),
		"version 3, no audio id":    signed(version3(expiry, "q", "t", "", "x", "")...),
		"version 3, no type":        signed(version3(expiry, "q", "t", "a", "", "")...),
		"version 3, no workflow id": signed(cut(version3(expiry, "q", "t", "a", "x", ""), 1)...),
		"version 3, no stem name":   signed(cut(version3(expiry, "q", "t", "a", "x", ""), 2)...),
		"header cut":                signed(version, 0, 0),
		"namespace beyond the end":  signed(append(append([]byte{version}, expiry...), 9, 'n', 'w')...),
		"no namespace":              signed(append(append([]byte{version}, expiry...), 0, 0, 'w')...),
		"no workflow id":            signed(append(append([]byte{version}, expiry...), 1, 'n', 0)...),
		"run id beyond the end":     signed(append(append([]byte{version}, expiry...), 1, 'n', 9, 'w')...),
		"no length of a run id":     signed(append(append([]byte{version}, expiry...), 1, 'n')...),
		"workflow id beyond limits": signed(
			append(append(append([]byte{version}, expiry...), 1, 'n', 0), make([]byte, maxWorkflowID+1)...)...),
		"longer than any token": strings.Repeat("A", maxToken+1),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := k.Verify(token, now)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

// version3 is an unsigned token of version 3 of namespace n and workflow w.
func version3(expiry []byte, texts ...string) []byte {
	t := append(append([]byte{versionTrack, 0}, expiry...), 1, 'n', 0)
	for _, text := range texts {
		t = appendText(t, text)
	}
	return append(t, 'w')
}

func changed(t []byte, at int, to byte) []byte {
	t[at] = to
	return t
}

func cut(t []byte, n int) []byte { return t[:len(t)-n] }

func TestMintPanicsOnNamesNoWorkflowHas(t *testing.T) {
	k := keyring(t, secretNew)
	for name, c := range map[string]Claims{
		"no namespace":     {WorkflowID: "w"},
		"no workflow id":   {Namespace: "n"},
		"long namespace":   {Namespace: strings.Repeat("n", maxNamespace+1), WorkflowID: "w"},
		"long run id":      {Namespace: "n", WorkflowID: "w", RunID: strings.Repeat("r", maxRunID+1)},
		"long workflow id": {Namespace: "n", WorkflowID: strings.Repeat("w", maxWorkflowID+1)},
	} {
		t.Run(name, func(t *testing.T) { require.Panics(t, func() { k.Mint(c) }) })
	}
}

func TestNewKeyring(t *testing.T) {
	for name, secrets := range map[string][]string{
		"none":         nil,
		"empty":        {""},
		"short":        {"fifteen-letters"},
		"short second": {secretNew, "fifteen-letters"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewKeyring(secrets)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "fifteen-letters", "a secret stands in no error")
		})
	}
	_, err := NewKeyring([]string{secretNew, "fifteen-letters"})
	require.EqualError(t, err, "callback secret 2 is 15 bytes long, give at least 16 random ones")
	_, err = NewKeyring([]string{"sixteen-letters!"})
	require.NoError(t, err)
}

func FuzzVerify(f *testing.F) {
	k := keyring(f, secretNew, secretOld)
	f.Add(k.Mint(claims))
	f.Add(k.Mint(traced()))
	f.Add(k.Mint(tracked()))
	f.Add(k.Mint(trackedAndTraced()))
	f.Add(keyring(f, secretOld).Mint(claims))
	f.Add(keyring(f, secretOther).Mint(claims))
	f.Add("")
	f.Add("AQ")
	f.Add(encoding.EncodeToString(make([]byte, 1+8+1+sha256.Size)))
	f.Fuzz(func(t *testing.T, token string) {
		got, err := k.Verify(token, now)
		if err != nil {
			require.Zero(t, got)
			return
		}
		minted := []string{k.Mint(got), keyring(t, secretOld).Mint(got)}
		require.Contains(t, minted, token, "only what one of the secrets minted verifies, in one spelling")
	})
}

// FuzzMint mints what may be minted and demands it back: whole, or without queue and track.
func FuzzMint(f *testing.F) {
	f.Add("default", "stems:split_stem_advanced:5c79be8e:e231:lead_vocal", "01a20ac5", "stemflow",
		"5c79be8e", "e231", "split_stem_advanced", "Lead Vocal", int64(1e9), []byte{1})
	f.Add("n", "w", "", "", "", "", "", "", int64(0), []byte(nil))
	f.Add("n", "w", "r", strings.Repeat("q", 300), "t", "a", "x", "", int64(1<<40), make([]byte, traceSize))
	k := keyring(f, secretNew)
	f.Fuzz(func(
		t *testing.T, namespace, workflowID, runID, queue, taskID, audioID, kind, stem string,
		expires int64, traced []byte,
	) {
		c := Claims{
			Namespace: namespace, WorkflowID: workflowID, RunID: runID, TaskQueue: queue,
			Track: stemflow.Track{
				TaskID:   taskID,
				AudioID:  audioID,
				Type:     stemflow.SeparationType(kind),
				StemName: stem,
			},
			Expires: time.Unix(max(expires%(1<<40), 1), 0).UTC(),
		}
		copy(c.Trace.TraceID[:], traced)
		if !c.fit() {
			t.Skip()
		}
		minted := k.Mint(c)
		require.LessOrEqual(t, len(minted), maxToken)
		got, err := k.Verify(minted, time.Unix(0, 0))
		require.NoError(t, err)
		if got.TaskQueue == "" {
			tooLong := c.trackFits() && encoding.EncodedLen(len(c.encodeVersion3())+sha256.Size) > maxToken
			require.True(t, tooLong || !c.trackFits(), "nothing is left out without need")
			c.TaskQueue, c.Track = "", stemflow.Track{}
		}
		require.Equal(t, c, got)
	})
}

// FuzzSigned signs anything: what verifies is exactly what Mint makes of it.
func FuzzSigned(f *testing.F) {
	for _, c := range []Claims{claims, traced(), tracked(), trackedAndTraced()} {
		f.Add(c.encode())
	}
	k := keyring(f, secretNew)
	f.Fuzz(func(t *testing.T, payload []byte) {
		minted := encoding.EncodeToString(append(payload, sum(k.secrets[0], payload)...))
		got, err := k.Verify(minted, time.Unix(0, 0))
		if err != nil {
			require.Zero(t, got)
			return
		}
		require.Equal(t, minted, k.Mint(got))
	})
}
