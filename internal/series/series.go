// Package series describes the metrics that stemflow's programs report: what each is called, what
// it means, and which series of it are there at zero before anything has happened.
package series

// Kind says how a metric is counted.
type Kind string

// The kinds. Prometheus sees a counter "x" as x_total, a histogram "x" as x_seconds.
const (
	Counter   Kind = "counter"
	Histogram Kind = "histogram"
	Gauge     Kind = "gauge"
)

// Metric is one metric of a program.
type Metric struct {
	// Name is what the code reports under, without a suffix.
	Name string
	Kind Kind
	Help string
	// Labels are the metric's own labels. A label is bounded where Start gives values for it: what
	// is reported with any other value counts as [Other].
	Labels []string
	// SDK are the labels that Temporal's SDK adds, with the values that they have in this program;
	// nil: the program reports without the SDK.
	SDK map[string]string
	// Start are the own labels of the series that are there from the start. A metric without labels
	// of its own has one empty set.
	Start []map[string]string
}

// Other is the value of a label whose own is not among those that are known.
const Other = "other"

// Prometheus is the metric's name as Prometheus sees it.
func (m Metric) Prometheus() string {
	switch m.Kind {
	case Counter:
		return m.Name + "_total"
	case Histogram:
		return m.Name + "_seconds"
	default:
		return m.Name
	}
}

// Alone is the Start of a metric without labels of its own.
func Alone() []map[string]string { return []map[string]string{{}} }

// Each is the Start of a metric with one label.
func Each[T ~string](label string, values []T) []map[string]string {
	var all []map[string]string
	for _, value := range values {
		all = append(all, map[string]string{label: string(value)})
	}
	return all
}

// Cross is the Start of a metric with two labels, with every pair of their values.
func Cross[A, B ~string](first string, firsts []A, second string, seconds []B) []map[string]string {
	var all []map[string]string
	for _, a := range firsts {
		for _, b := range seconds {
			all = append(all, map[string]string{first: string(a), second: string(b)})
		}
	}
	return all
}
