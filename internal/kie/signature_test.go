package kie

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Computed apart from this package, the first with openssl as well.
var signatureVectors = []struct{ key, taskID, timestamp, signature string }{
	{
		"test-webhook-hmac-key",
		"3e63b4cc88d52611159371f6af5571e7",
		"1753782937",
		"i/wt+cbDW4sk6jBnr3fS1ISV9IYm2j/a+9kn5zmrkeE=",
	},
	{
		"test-webhook-hmac-key",
		"e649edb7abfd759285bd41a47a634b10",
		"1753782459",
		"Z4vaO1FghQ2xQrZ08/w7xo3whol28RKXs3Eoqzi8F2E=",
	},
	{
		"kie_test_secret_0123456789",
		"ee9c2715375b7837f8bb51d641ff5863",
		"1769670760",
		"Kc7WLiS19vtMGlByvX3ovfiHAP3LBvltwq3yW6L2zRE=",
	},
}

func at(t *testing.T, timestamp string) time.Time {
	t.Helper()
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	require.NoError(t, err)
	return time.Unix(seconds, 0)
}

func TestSignatureVectors(t *testing.T) {
	for _, v := range signatureVectors {
		timestamp, signature := Sign(v.key, v.taskID, at(t, v.timestamp).Add(999*time.Millisecond))
		require.Equal(t, v.timestamp, timestamp)
		require.Equal(t, v.signature, signature)
		require.NoError(
			t,
			VerifySignature([]string{v.key}, v.taskID, v.timestamp, v.signature, at(t, v.timestamp), time.Minute),
		)
	}
}

func TestVerifySignature(t *testing.T) {
	v := signatureVectors[0]
	sent := at(t, v.timestamp)
	const tolerance, ahead = time.Hour, 5 * time.Minute
	tests := map[string]struct {
		keys                         []string
		taskID, timestamp, signature string
		now                          time.Time
		want                         error
	}{
		"fits":                {[]string{v.key}, v.taskID, v.timestamp, v.signature, sent, nil},
		"fits the second key": {[]string{"another", v.key}, v.taskID, v.timestamp, v.signature, sent, nil},
		"fits the first key":  {[]string{v.key, "another"}, v.taskID, v.timestamp, v.signature, sent, nil},
		"as old as allowed":   {[]string{v.key}, v.taskID, v.timestamp, v.signature, sent.Add(tolerance), nil},
		"as new as allowed":   {[]string{v.key}, v.taskID, v.timestamp, v.signature, sent.Add(-ahead), nil},
		"too old":             {[]string{v.key}, v.taskID, v.timestamp, v.signature, sent.Add(tolerance + 1), ErrStale},
		"too new":             {[]string{v.key}, v.taskID, v.timestamp, v.signature, sent.Add(-ahead - 1), ErrStale},
		"a retry with the first timestamp": {
			[]string{v.key}, v.taskID, v.timestamp, v.signature, sent.Add(21 * time.Minute), nil,
		},
		"no timestamp": {[]string{v.key}, v.taskID, "", v.signature, sent, ErrUnsigned},
		"no signature": {[]string{v.key}, v.taskID, v.timestamp, "", sent, ErrUnsigned},
		"another task": {
			[]string{v.key},
			"e649edb7abfd759285bd41a47a634b10",
			v.timestamp,
			v.signature,
			sent,
			ErrSignature,
		},
		"another time":             {[]string{v.key}, v.taskID, "1753782938", v.signature, sent, ErrSignature},
		"another key":              {[]string{"another"}, v.taskID, v.timestamp, v.signature, sent, ErrSignature},
		"no key":                   {nil, v.taskID, v.timestamp, v.signature, sent, ErrSignature},
		"signature cut":            {[]string{v.key}, v.taskID, v.timestamp, v.signature[:43], sent, ErrSignature},
		"signature in hexadecimal": {[]string{v.key}, v.taskID, v.timestamp, "8bfc2df9", sent, ErrSignature},
		"wrong and old": {
			[]string{"another"},
			v.taskID,
			v.timestamp,
			v.signature,
			sent.Add(2 * time.Hour),
			ErrSignature,
		},
		"signed with the empty key": {
			[]string{""},
			v.taskID,
			v.timestamp,
			sign("", v.taskID, v.timestamp),
			sent,
			ErrSignature,
		},
		"timestamp a word": {
			[]string{v.key},
			v.taskID,
			"now",
			sign(v.key, v.taskID, "now"),
			sent,
			ErrSignature,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(
				t,
				VerifySignature(tt.keys, tt.taskID, tt.timestamp, tt.signature, tt.now, tolerance),
				tt.want,
			)
		})
	}
}

func TestSignatureOfFarTimesIsStale(t *testing.T) {
	v := signatureVectors[0]
	for _, seconds := range []int64{math.MinInt64, -1, 0, 1753782937000, math.MaxInt64} {
		timestamp := strconv.FormatInt(seconds, 10)
		err := VerifySignature(
			[]string{v.key},
			v.taskID,
			timestamp,
			sign(v.key, v.taskID, timestamp),
			at(t, v.timestamp),
			time.Hour,
		)
		require.ErrorIs(t, err, ErrStale, timestamp)
	}
}
