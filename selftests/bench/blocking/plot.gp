# SPDX-License-Identifier: GPL-2.0-only
# gnuplot -e 'data="FILE"; svg="FILE"' plot.gp: what "report plot" printed, as a picture.
# Columns: name, then lowest, median and highest of each of the four panels.
set terminal svg size 1000,720 noenhanced font "sans,13" background "white"
set output svg
set style fill solid 0.8 border -1
set style data boxerrorbars
set boxwidth 0.7
set errorbars 2
set grid ytics
set xtics scale 0 rotate by -25
set xrange [-0.6:6.6]
unset key
ours(n) = n == 6 ? 0x2a7f3f : n == 5 ? 0xb0702a : 0x4a6fa5

set multiplot layout 2,2
set yrange [0:*]
set title "Saturated: requests/s"
plot data using 0:3:2:4:(0.7):(ours($0)):xtic(1) linecolor rgb variable
set title "Saturated: context switches per request"
plot data using 0:9:8:10:(0.7):(ours($0)):xtic(1) linecolor rgb variable
set logscale y
set yrange [0.1:*]
set title "Open loop: p99 of requests that do not block, ms"
plot data using 0:($6/1e3):($5/1e3):($7/1e3):(0.7):(ours($0)):xtic(1) linecolor rgb variable
set yrange [1:*]
set title "Saturated: most threads computing at once"
plot data using 0:12:11:13:(0.7):(ours($0)):xtic(1) linecolor rgb variable
unset multiplot
