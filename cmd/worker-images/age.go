package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// age is a flag's time, with days as well: "30d", "36h".
type age time.Duration

const oneDay = 24 * time.Hour

// String implements pflag.Value.
func (a *age) String() string {
	d := time.Duration(*a)
	if d != 0 && d%oneDay == 0 {
		return strconv.Itoa(int(d/oneDay)) + "d"
	}
	return d.String()
}

// Type implements pflag.Value.
func (a *age) Type() string { return "age" }

// Set implements pflag.Value.
func (a *age) Set(text string) error {
	const most = 100 * 365 // days; more do not fit
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > most {
			return fmt.Errorf("%q is no number of days", text)
		}
		*a = age(time.Duration(n) * oneDay)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no age: say 30d or 36h", text)
	}
	*a = age(d)
	return nil
}
