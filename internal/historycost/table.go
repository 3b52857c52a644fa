package historycost

import (
	"fmt"
	"io"
	"text/tabwriter"
)

var how = map[Kind]string{
	WorkflowStart:    "the start",
	WorkflowTask:     "free, but for each reset",
	Activity:         "each attempt, retries included",
	Heartbeat:        "assumed: one for each attempt that may send any; not in the history",
	Marker:           "those of one workflow task together",
	Timer:            "each timer, awaits with a timeout included",
	Signal:           "each signal; one that came with the start is part of the start",
	Update:           "each accepted update",
	SearchAttributes: "each upsert, however many attributes it sets",
	Child:            "each start; the child's own history has another",
	Nexus:            "each operation scheduled or asked to cancel",
	Other:            "free, but for each change of execution options",
}

// WriteTable writes the cost as a small table that says how it counts.
func (c Cost) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "events\tactions\t\t\n")
	for _, item := range c.Items {
		fmt.Fprintf(table, "%d\t%d\t\t%s\n", item.Events, item.Actions, explained(item.Kind))
	}
	fmt.Fprintf(table, "%d\t%d\t\tin all; %.1f KiB of history\n", c.Events, c.Actions, float64(c.Bytes)/1024)
	return table.Flush()
}

func explained(k Kind) string { return fmt.Sprintf("%-28s  %s", k, How(k)) }

// How says in a few words what is one action of a kind.
func How(k Kind) string { return how[k] }

// Method is what belongs under a table.
const Method = "Actions are counted as https://docs.temporal.io/evaluate/cloud/actions defines them, from the history. " +
	"Queries and rejected updates leave no trace there and are not counted."
