package config

import (
	"strconv"
	"strings"

	"stemflow/internal/allowed"
)

const (
	allowedBuckets    = "STEMFLOW_ALLOWED_BUCKETS"
	nexusForce        = "STEMFLOW_NEXUS_FORCE"
	nexusCreditBudget = "STEMFLOW_NEXUS_CREDIT_BUDGET"
)

// allowedPlaces are comma-separated; unset, the configured bucket and prefix alone. An empty item
// is an error, for a bucket may be missing that somebody wanted to name.
func (v *variables) allowedPlaces(bucket, prefix string) allowed.Places {
	value := v.text(allowedBuckets, "")
	if value == "" {
		return allowed.Places{allowed.PlaceOf(bucket, prefix)}
	}
	var places allowed.Places
	for item := range strings.SplitSeq(value, ",") {
		place, err := allowed.Parse(item)
		if err != nil {
			v.report(allowedBuckets, "%v", err)
			continue
		}
		places = append(places, place)
	}
	if len(places) > 0 && !places.Folder(bucket, prefix) {
		v.report(allowedBuckets, "leaves out where the worker archives by default: add %q, or change STEMFLOW_BUCKET "+
			"and STEMFLOW_PREFIX", allowed.PlaceOf(bucket, prefix).String())
	}
	return places
}

func (v *variables) nexus() Nexus {
	var n Nexus
	if v.text(nexusForce, "") != "" {
		n.ForbidForce = !v.flag(nexusForce)
	}
	if text := v.text(nexusCreditBudget, ""); text != "" {
		budget, err := strconv.Atoi(text)
		if err != nil || budget < 0 {
			v.report(nexusCreditBudget, "%q is not a whole number of at least 0", text)
		}
		n.CreditBudget = &budget
	}
	return n
}
