// Package pages writes the pages that people without a log-in see, behind links of
// letters: one layout and one style sheet, English and German, plain HTML that works
// with a keyboard and on a small screen.
//
// A page is a template under templates/ that defines "title" and "main", and its words
// in words_en.go and words_de.go, which {{t "key" args…}} finds. Nothing is inline: scripts
// and styles are files under assets/, so that the Content-Security-Policy can be strict.
// What cannot be shown is a notice: heading and text by the code of the error.
//
// An operation of the contract that answers so carries x-careflow-page: its errors then
// are notices too.
package pages
