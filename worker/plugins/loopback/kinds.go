package loopback

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is one of the two kinds of devices.
type kind struct {
	feature, description, scope string
	module, group               string
	most                        int // devices that the module can make
	last                        int // number that a device can have
	first                       func(Config) int
	disabled                    func(Config) bool
	// load gives the parameters with which devices get these numbers; kept says that they are
	// kept for later loads rather than given with this one.
	load func(numbers []string) []string
	kept bool
	// devices are the paths of a device; variable, unless it is "", is the variable that names the only one.
	devices  func(number int) []string
	variable string
}

func kinds() []kind {
	return []kind{
		{
			feature: "loopbackAudio", description: "A sound card that plays back what is written to it", scope: "generic-worker:loopback-audio",
			module: "snd-aloop", group: "audio", most: 32, last: 31,
			first:    func(c Config) int { return c.AudioNumber },
			disabled: func(c Config) bool { return c.AudioDisabled },
			load: func(numbers []string) []string {
				enable := strings.TrimSuffix(strings.Repeat("1,", len(numbers)), ",")
				return []string{"enable=" + enable, "index=" + strings.Join(numbers, ",")}
			},
			kept: true,
			devices: func(n int) []string {
				paths := []string{fmt.Sprintf("/dev/snd/controlC%d", n)}
				for _, pcm := range []string{"D0c", "D0p", "D1c", "D1p"} {
					paths = append(paths, fmt.Sprintf("/dev/snd/pcmC%d%s", n, pcm))
				}
				return paths
			},
		},
		{
			feature: "loopbackVideo", description: "A camera that shows what is written to it; TASKCLUSTER_VIDEO_DEVICE is its path", scope: "generic-worker:loopback-video",
			module: "v4l2loopback", group: "video", most: 8, last: 255,
			first:    func(c Config) int { return c.VideoNumber },
			disabled: func(c Config) bool { return c.VideoDisabled },
			load: func(numbers []string) []string {
				parameters := []string{"video_nr=" + strings.Join(numbers, ",")}
				if len(numbers) > 1 {
					parameters = append([]string{"devices=" + strconv.Itoa(len(numbers))}, parameters...)
				}
				return parameters
			},
			devices:  func(n int) []string { return []string{fmt.Sprintf("/dev/video%d", n)} },
			variable: "TASKCLUSTER_VIDEO_DEVICE",
		},
	}
}

// numbers are those of the devices for all slots, as far as there can be so many.
func (k kind) numbers(c Config) []string {
	first := k.first(c)
	n := min(max(c.Capacity, 1), k.most, k.last+1-first)
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(first + i)
	}
	return all
}
