/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * frames send IFACE FRAME...   sends them there in order, and the sentinel of the tests behind them
 * frames pcap FILE FRAME...    writes the same to a capture
 * frames offload IFACE gro|tso on|off
 * frames listen IFACE PORT     a packet socket: says "ready", and on SIGTERM how many UDP frames to PORT it
 * saw frames mroute IFACE          holds a multicast router there: says "ready", ends on SIGTERM
 *
 * FRAME is one argument of key=value: src dst proto=tcp|udp|icmp|icmp6|NUMBER sport dport flags type to=host|
 * broadcast|multicast|other vlan fragment=first|later offset last id options extensions payload cut seq n.
 * Everything stays on one CPU, where a veth pair hands on frames in order. */
#include "parity/frames.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/mroute.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct sequence {
	struct frame_plan plan;
	bool given;      /* TCP: sequence numbers and identification that go on from frame to frame */
	uint32_t number; /* of the first one */
	unsigned long count;
};

static int fail(const char *what)
{
	fprintf(stderr, "frames: %s: %s\n", what, strerror(errno));
	return 1;
}

static int choose(const char *value, const char *const names[], int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(value, names[i]))
			return i;
	fprintf(stderr, "frames: %s?\n", value);
	exit(2);
}

static uint8_t protocol(const char *value)
{
	static const char *const names[] = {"tcp", "udp", "icmp", "icmp6"};
	static const uint8_t numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};

	if (*value >= '0' && *value <= '9')
		return (uint8_t)strtoul(value, NULL, 0);
	return numbers[choose(value, names, 4)];
}

static void take_numbers(struct sequence *sequence, const char *key, unsigned long number)
{
	static const char *const names[] = {"sport", "dport",   "flags",      "type",    "offset", "last",
					    "id",    "options", "extensions", "payload", "cut",    "n"};
	struct frame_plan *plan = &sequence->plan;

	switch (choose(key, names, 12)) {
	case 0:
		plan->source_port = (uint16_t)number;
		break;
	case 1:
		plan->destination_port = (uint16_t)number;
		break;
	case 2:
		plan->tcp_flags = (uint8_t)number;
		break;
	case 3:
		plan->type = (uint8_t)number;
		break;
	case 4:
		plan->offset = (unsigned)number;
		break;
	case 5:
		plan->last = number != 0;
		break;
	case 6:
		plan->identification = (uint16_t)number;
		break;
	case 7:
		plan->options = (unsigned)number;
		break;
	case 8:
		plan->extensions = (unsigned)number;
		break;
	case 9:
		plan->payload = (unsigned)number;
		break;
	case 10:
		plan->cut = (unsigned)number;
		break;
	default:
		sequence->count = number;
		break;
	}
}

static void take_pair(struct sequence *sequence, const char *key, const char *value)
{
	static const char *const to[] = {"host", "broadcast", "multicast", "other"};
	static const char *const fragments[] = {"whole", "first", "later", "atomic"};
	struct frame_plan *plan = &sequence->plan;

	if (!strcmp(key, "src") || !strcmp(key, "dst")) {
		address *place = *key == 's' ? &plan->source : &plan->destination;

		plan->family = strchr(value, ':') ? FAMILY_IPV6 : FAMILY_IPV4;
		if (address_parse(plan->family, text_of(value), place)) {
			fprintf(stderr, "frames: %s?\n", value);
			exit(2);
		}
	} else if (!strcmp(key, "proto")) {
		plan->protocol = protocol(value);
	} else if (!strcmp(key, "to")) {
		plan->to = (enum frame_to)choose(value, to, 4);
	} else if (!strcmp(key, "fragment")) {
		plan->fragment = (enum frame_fragment)choose(value, fragments, 4);
	} else if (!strcmp(key, "vlan")) {
		plan->vlan_tags = 1;
		plan->vlan_id = (uint16_t)strtoul(value, NULL, 0);
	} else if (!strcmp(key, "seq")) {
		sequence->given = true;
		sequence->number = (uint32_t)strtoul(value, NULL, 0);
	} else {
		take_numbers(sequence, key, strtoul(value, NULL, 0));
	}
}

static void sequence_parse(const char *text, struct sequence *sequence)
{
	char *copy = strdup(text), *rest = copy, *pair;

	*sequence = (struct sequence){
	    .count = 1,
	    .plan = {.protocol = IPPROTO_UDP, .source_port = 40000, .destination_port = 9, .tcp_flags = 2}};
	while (copy && (pair = strsep(&rest, " "))) {
		char *equals = strchr(pair, '=');

		if (!equals)
			continue;
		*equals = '\0';
		take_pair(sequence, pair, equals + 1);
	}
	free(copy);
	if (!sequence->plan.destination)
		sequence->plan.destination = pool_parse(
		    sequence->plan.family, sequence->plan.family == FAMILY_IPV4 ? HOST_IPV4 : HOST_IPV6);
	if (sequence->plan.payload > 256 || sequence->plan.options > 10) {
		fprintf(stderr, "frames: too large: %s\n", text);
		exit(2);
	}
}

/* The sequence number of a whole IPv4 TCP segment without options, checksum too (RFC 1624). */
static void frame_set_number(struct frame *frame, uint32_t number)
{
	uint8_t *tcp = frame->data + frame->network + 20;
	uint32_t sum = (uint16_t) ~(tcp[16] << 8 | tcp[17]);

	for (int i = 4; i < 8; i += 2) {
		uint16_t next = (uint16_t)(i == 4 ? number >> 16 : number);

		sum += (uint16_t) ~(tcp[i] << 8 | tcp[i + 1]);
		sum += next;
		tcp[i] = (uint8_t)(next >> 8);
		tcp[i + 1] = (uint8_t)next;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	tcp[16] = (uint8_t)(~sum >> 8);
	tcp[17] = (uint8_t)~sum;
}

/* With options or an extension header it is never dropped early. */
static void sentinel(enum family family, struct sequence *sequence)
{
	bool v4 = family == FAMILY_IPV4;

	*sequence = (struct sequence){.count = 1};
	sequence->plan = (struct frame_plan){
	    .family = family,
	    .source = pool_parse(family, v4 ? SENTINEL_IPV4 : SENTINEL_IPV6),
	    .destination = pool_parse(family, v4 ? HOST_IPV4 : HOST_IPV6),
	    .protocol = IPPROTO_UDP,
	    .source_port = 9,
	    .destination_port = 9,
	    .options = 1,
	    .extensions = 1,
	};
}

typedef int (*frame_take)(void *context, const struct frame *frame);

static int each_frame(int argc, char **argv, frame_take take, void *context)
{
	struct sequence sequence;
	struct frame frame;

	for (int i = 0; i <= argc; i++) {
		if (i < argc)
			sequence_parse(argv[i], &sequence);
		else
			sentinel(argc ? sequence.plan.family : FAMILY_IPV4, &sequence);
		for (unsigned long n = 0; n < sequence.count; n++) {
			frame_build(&sequence.plan, &frame);
			if (sequence.given) {
				frame_set_number(&frame,
						 sequence.number + (uint32_t)n * sequence.plan.payload);
				sequence.plan.identification++;
			}
			if (take(context, &frame))
				return 1;
		}
	}
	return 0;
}

static int open_socket(const char *interface, int type)
{
	struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)type)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons((uint16_t)type));

	place.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || !place.sll_ifindex || bind(fd, (struct sockaddr *)&place, sizeof(place)))
		exit(fail(interface));
	return fd;
}

static int send_frame(void *context, const struct frame *frame)
{
	const int *fd = context;

	for (int attempt = 0; attempt < 1000; attempt++) {
		if (send(*fd, frame->data, frame->size, 0) == (ssize_t)frame->size)
			return 0;
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			break;
		usleep(100);
	}
	return fail("send");
}

static int frames_send(int argc, char **argv)
{
	int fd = open_socket(argv[0], 0), result;

	result = each_frame(argc - 1, argv + 1, send_frame, &fd);
	close(fd);
	return result;
}

static int write_frame(void *context, const struct frame *frame)
{
	uint32_t record[4] = {0, 0, frame->size, frame->size};

	return fwrite(record, sizeof(record), 1, context) != 1 ||
	       fwrite(frame->data, frame->size, 1, context) != 1;
}

static int frames_pcap(int argc, char **argv)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1 /* Ethernet */};
	FILE *file = fopen(argv[0], "we");
	int result;

	if (!file)
		return fail(argv[0]);
	result =
	    fwrite(header, sizeof(header), 1, file) != 1 || each_frame(argc - 1, argv + 1, write_frame, file);
	return fclose(file) || result ? fail(argv[0]) : 0;
}

static int frames_offload(int argc, char **argv)
{
	struct ethtool_value value = {.cmd = strcmp(argv[1], "gro") ? ETHTOOL_STSO : ETHTOOL_SGRO,
				      .data = !strcmp(argv[argc - 1], "on")};
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", argv[0]);
	request.ifr_data = (void *)&value;
	return fd < 0 || ioctl(fd, SIOCETHTOOL, &request) ? fail(argv[0]) : 0;
}

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

/* Nobody is left behind where a test was killed. */
static void say_ready(void)
{
	struct sigaction action = {.sa_handler = end};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	alarm(60);
	puts("ready");
	fflush(stdout);
}

/* Ethernet, IPv4 without options, UDP. */
static bool is_udp_to(const uint8_t *data, ssize_t size, unsigned port)
{
	return size >= 42 && data[12] == 8 && data[13] == 0 && data[14] == 0x45 && data[23] == IPPROTO_UDP &&
	       (unsigned)(data[36] << 8 | data[37]) == port;
}

static int frames_listen(int argc, char **argv)
{
	int fd = open_socket(argv[0], ETH_P_ALL);
	unsigned port = (unsigned)strtoul(argv[argc - 1], NULL, 0);
	unsigned long count = 0;
	struct timeval wait = {.tv_usec = 20000};
	uint8_t data[2048];

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		return fail(argv[0]);
	say_ready();
	for (;;) {
		ssize_t size = recv(fd, data, sizeof(data), 0);

		if (size < 0 && ended)
			break;
		count += is_udp_to(data, size, port);
	}
	printf("%lu\n", count);
	return 0;
}

static int frames_mroute(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP), one = 1;
	struct vifctl interface = {.vifc_vifi = 0, .vifc_flags = VIFF_USE_IFINDEX, .vifc_threshold = 1};

	interface.vifc_lcl_ifindex = (int)if_nametoindex(argv[argc - 1]);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, MRT_INIT, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_IP, MRT_ADD_VIF, &interface, sizeof(interface)))
		return fail("multicast routing");
	say_ready();
	while (!ended)
		pause();
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
		int arguments; /* at least */
	} verbs[] = {{"send", frames_send, 1},
		     {"pcap", frames_pcap, 1},
		     {"offload", frames_offload, 3},
		     {"listen", frames_listen, 2},
		     {"mroute", frames_mroute, 1}};
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	for (size_t i = 0; argc > 2 && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(argv[1], verbs[i].name) && argc - 2 >= verbs[i].arguments)
			return verbs[i].run(argc - 2, argv + 2);
	fprintf(stderr, "usage: frames send|pcap|offload|listen|mroute ...\n");
	return 2;
}
