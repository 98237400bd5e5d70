package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/workerkit/workerkit/local"
	"github.com/workerkit/workerkit/local/clouds"
)

// aboutMachines says how the commands find their server and their machine.
const aboutMachines = "\n\nThe command goes to the `taskcluster-local serve --machines` that TASKCLUSTER_ROOT_URL and\n" +
	"TASKCLUSTER_ACCESS_TOKEN name. MACHINE is a machine's name, POOL/GROUP/ID, or an end of it\n" +
	"that no other machine has, such as the workerId."

func newMachinesCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "machines",
		Short: "List the emulated machines of a running serve",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newControl()
			if err != nil {
				return err
			}
			list, err := c.machines(cmd.Context())
			if err != nil {
				return err
			}
			return printMachines(cmd.OutOrStdout(), list, asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print all that is known of them, as JSON")
	return command
}

func printMachines(out io.Writer, list local.MachineList, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MACHINE\tCLOUD\tSTATE\tBOOTS\tPID\tMETADATA")
	for _, m := range list.Machines {
		pid := "-"
		if m.PID != 0 {
			pid = fmt.Sprint(m.PID)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", m.Machine, m.Cloud, m.State, m.Boots, pid, m.Endpoint)
	}
	return table.Flush()
}

func newNoticeCommand() *cobra.Command {
	var n clouds.Notice
	command := &cobra.Command{
		Use:   "notice MACHINE KIND",
		Short: "Have the cloud announce something to an emulated machine",
		Long: "Have the metadata service of an emulated machine announce something. KIND is the cloud's own\n" +
			"word, such as spot-terminate, preempted or Preempt; a wrong one is answered with those that\n" +
			"the cloud knows." + aboutMachines,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n.Kind = args[1]
			return sendCommand(cmd.Context(), "notice", local.MachineCommand{Machine: args[0], Notice: &n})
		},
	}
	f := command.Flags()
	f.DurationVar(&n.In, "in", 0, "how `long` until it happens")
	f.BoolVar(&n.Cancel, "cancel", false, "take back what was announced of the kind")
	f.StringVar(&n.Status, "status", "", "the `EventStatus`, in Azure; Scheduled when there is none")
	f.StringArrayVar(&n.Resources, "resource", nil, "the `name` of a machine that it is about, in Azure; may be repeated")
	return command
}

// clearFaults is the KIND of the command fault that ends all faults.
const clearFaults = "clear"

func newFaultCommand() *cobra.Command {
	var fault clouds.Fault
	command := &cobra.Command{
		Use:   "fault MACHINE KIND|clear",
		Short: "Have the metadata service of an emulated machine misbehave",
		Long: "Have the metadata service of an emulated machine misbehave. KIND is a status (401, 403, 404,\n" +
			"429, 500, 502, 503), slow (answers after --delay), silent (never answers), reset (drops the\n" +
			"connection) or clock (its clock is --delay ahead); clear ends all faults." + aboutMachines,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[1] == clearFaults {
				return sendCommand(cmd.Context(), "clear", local.MachineCommand{Machine: args[0]})
			}
			fault.Kind = args[1]
			return sendCommand(cmd.Context(), "fault", local.MachineCommand{Machine: args[0], Fault: &fault})
		},
	}
	f := command.Flags()
	f.StringVar(&fault.Path, "path", "", "only for requests whose path begins with that `prefix`")
	f.IntVar(&fault.Times, "times", 0, "only for so `many` requests; 0 is until cleared")
	f.DurationVar(&fault.Delay, "delay", time.Duration(0), "how `long` for slow and clock; may be negative for clock")
	return command
}

func newRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove MACHINE",
		Short: "Have an emulated machine vanish, without a word to what runs on it",
		Long:  "Have an emulated machine vanish, without a word to what runs on it." + aboutMachines,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendCommand(cmd.Context(), "remove", local.MachineCommand{Machine: args[0]})
		},
	}
}

func sendCommand(ctx context.Context, name string, command local.MachineCommand) error {
	c, err := newControl()
	if err != nil {
		return err
	}
	return c.send(ctx, name, command)
}
