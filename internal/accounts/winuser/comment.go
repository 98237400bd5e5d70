package winuser

import "strings"

// comment begins the comment of an account that a worker has made; what follows is the folder of the
// worker's tasks.
const comment = "task of the worker in "

// Comment is that of the accounts of the worker whose tasks are in dir.
func Comment(dir string) string { return comment + dir }

// Left tells whether an account with this comment was made by a worker whose tasks were in dir. The public
// worker gives no comment: its accounts are those of whoever comes after it.
func Left(text, dir string) bool { return text == "" || strings.EqualFold(text, Comment(dir)) }
