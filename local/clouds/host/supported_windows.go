package host

import "errors"

func supported() error { return errors.New("emulated machines need a Unix system") }
