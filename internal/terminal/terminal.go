// Package terminal tells whether a person looks at a file, and how much room there is.
package terminal

// Size is a terminal's room in characters.
type Size struct{ Columns, Rows int }

// fallback serves terminals that do not tell their size.
var fallback = Size{Columns: 80, Rows: 24}
