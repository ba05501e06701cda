package kiesim

import "net/http"

// credit is GET /api/v1/chat/credit. The documents promise an integer; the balance has fractions
// all the same.
func (s *Simulator) credit(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, http.StatusOK, success(s.Balance()))
}
