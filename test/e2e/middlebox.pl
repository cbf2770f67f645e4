#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# middlebox.pl INSIDE OUTSIDE OFFSET EVERY: stands between two interfaces as firewalls do that make sequence numbers random:
# adds OFFSET to those that pass from INSIDE to OUTSIDE and takes it off again from the acknowledgements that come back,
# but, as some do, leaves the SACK option as it is. Of the segments with data that go out it loses every EVERY-th.
use strict;
use warnings;
use Socket;

my ($inside, $outside, $offset, $every) = @ARGV;
my ($ETH_P_ALL, $PACKET_OUTGOING, $AF_PACKET) = (3, 4, 17);

sub index_of {
	open my $file, '<', "/sys/class/net/$_[0]/ifindex" or die "$_[0]: $!";
	return int <$file>;
}

# struct sockaddr_ll
sub device {
	socket my $socket, $AF_PACKET, SOCK_RAW, unpack('S', pack 'n', $ETH_P_ALL) or die "socket: $!";
	bind $socket, pack 'SnlSCCa8', $AF_PACKET, $ETH_P_ALL, index_of($_[0]), 0, 0, 0, '' or die "bind: $!";
	return $socket;
}

sub sum {
	my $sum = 0;
	$sum += $_ for unpack 'n*', $_[0] . (length($_[0]) % 2 ? "\0" : '');
	$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
	return $sum;
}

my $data_segments = 0;

# The frame as it goes on; nothing: lost.
sub pass {
	my ($frame, $out) = @_;
	my ($type, $first, $length, $fragment, $protocol) = unpack 'x12 n C x n x2 n x C', $frame;
	return $frame if $type != 0x0800 || $protocol != 6 || $fragment & 0x3fff;
	my $tcp = 14 + ($first & 15) * 4;
	my $size = $length - ($first & 15) * 4;
	my ($sequence, $acknowledgement, $header) = unpack 'N N C', substr $frame, $tcp + 4, 9;
	return '' if $out && $size > ($header >> 4) * 4 && ++$data_segments % $every == 0;
	substr $frame, $tcp + 4, 8, pack 'N N', $out ? ($sequence + $offset) & 0xffffffff : $sequence,
		$out || !$acknowledgement ? $acknowledgement : ($acknowledgement - $offset) & 0xffffffff;
	substr $frame, $tcp + 16, 2, pack 'n', 0;
	my $check = ~sum(substr($frame, 26, 8) . pack('n n', 6, $size) . substr $frame, $tcp, $size) & 0xffff;
	substr $frame, $tcp + 16, 2, pack 'n', $check;
	return $frame;
}

my @devices = (device($inside), device($outside));
while (1) {
	my $wait = '';
	vec($wait, fileno $_, 1) = 1 for @devices;
	select $wait, undef, undef, undef;
	for my $from (0, 1) {
		next unless vec $wait, fileno $devices[$from], 1;
		my $address = recv $devices[$from], my $frame, 65536, 0;
		next if !defined $address || (unpack 'SnlSC', $address)[4] == $PACKET_OUTGOING;
		$frame = pass($frame, $from == 0);
		send $devices[1 - $from], $frame, 0 if length $frame;
	}
}
