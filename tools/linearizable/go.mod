// What decides whether a history of operations is linearizable: a module of its own, so that its
// requirement is neither the product's nor that of the servers in tools/go.mod.
module stemflow/tools/linearizable

go 1.26.0

tool stemflow/tools/linearizable

require github.com/anishathalye/porcupine v1.3.1
