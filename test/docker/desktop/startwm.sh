#!/bin/sh
# The session of a test: a terminal over the whole screen that writes down what is typed.
exec xterm -geometry 200x60+0+0 -bg '#204060' -fg white -fa Monospace -fs 10 -e sh -c 'echo a desk by rdp; exec tee /tmp/rdp > /dev/null'
