// SPDX-License-Identifier: GPL-2.0-or-later
/* A helper of `make run` and of the tests; not installed. Packets come on standard input, one a line, in
 * weir's notation.
 *
 *     weir-inject write FILE       writes them as a capture
 *     weir-inject stage IFACE      makes the veth pair IFACE in this network namespace (no packets are read)
 *     weir-inject verdicts IFACE   sends each of them once to that IFACE and prints, in their order, what
 * became of it: accept or drop
 *
 * "accept" is what a raw socket saw: raw(7) sockets are given each packet behind the last hook of LOCAL_IN,
 * and only there. Every packet carries its number, so each is told from each. */
#include "observe/inject.h"
#include "observe/stage.h"

#include <errno.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 2048u /* what fits the sockets' buffers with a page each */
#define SOCKET_BYTES (64 << 20)

struct packets {
	struct arena *arena;
	size_t count, capacity;
	struct packet *list;
};

static int fail(const char *what, int error)
{
	fprintf(stderr, "weir-inject: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return 1;
}

static int read_packets(struct packets *packets)
{
	struct diagnostics *sink = diagnostics_new();
	struct buffer complaint = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	int error = sink ? 0 : -ENOMEM;

	while (!error && (size = getline(&line, &room, stdin)) > 0) {
		struct source *source;
		struct packet *packet;

		if (line[size - 1] == '\n')
			line[--size] = '\0';
		source = source_new(packets->arena, "packet", arena_copy(packets->arena, line, (size_t)size),
				    (size_t)size);
		packet = arena_push(packets->arena, (void **)&packets->list, &packets->count,
				    &packets->capacity, sizeof(*packet));
		error = !source || !packet ? -ENOMEM : packet_parse(source, sink, packet);
	}
	free(line);
	if (sink && diagnostics_count(sink)) {
		diagnostics_print(sink, &complaint);
		fputs(complaint.data ? complaint.data : "", stderr);
		buffer_fini(&complaint);
	}
	if (sink)
		diagnostics_free(sink);
	return error;
}

/* Those from first on, at most BATCH of them; tags count within the batch. */
static int make_frames(const struct packets *packets, size_t first, size_t most, struct frames *frames)
{
	int error = 0;

	for (size_t i = first; i < packets->count && i - first < most && !error; i++)
		error = frames_add_packet(frames, &packets->list[i], (uint32_t)(i - first));
	return error;
}

static int write_capture(const struct packets *packets, const char *path)
{
	struct frames frames = {
	    .arena = packets->arena, .destination = {2, 0, 0, 0, 0, 1}, .source = {2, 0, 0, 0, 0, 2}};
	pcap_dumper_t *dumper;
	pcap_t *pcap;
	int error = make_frames(packets, 0, FRAMES_MAX, &frames);

	if (error)
		return fail("making frames", error);
	if (frames.count < packets->count)
		return fail("making frames", E2BIG);
	pcap = pcap_open_dead(DLT_EN10MB, 65535);
	dumper = pcap ? pcap_dump_open(pcap, path) : NULL;
	if (!dumper) {
		fprintf(stderr, "weir-inject: %s\n", pcap ? pcap_geterr(pcap) : "out of memory");
		return 1;
	}
	for (size_t i = 0; i < frames.count; i++) {
		/* A microsecond apart, from the beginning of 2026 on: the same bytes each time. */
		struct pcap_pkthdr header = {.ts = {.tv_sec = 1767225600, .tv_usec = (suseconds_t)i},
					     .caplen = frames.frames[i].length,
					     .len = frames.frames[i].length};

		pcap_dump((u_char *)dumper, &header, frames.frames[i].bytes);
	}
	error = pcap_dump_flush(dumper);
	pcap_dump_close(dumper);
	pcap_close(pcap);
	return error ? fail(path, EIO) : 0;
}

struct listener {
	int family, descriptor;
	uint8_t protocol;
};

struct listeners {
	size_t count;
	struct listener list[64];
};

static int listen_to(struct listeners *listeners, enum family family, uint8_t protocol)
{
	struct listener *listener = &listeners->list[listeners->count];
	int number = family == FAMILY_IPV4 ? AF_INET : AF_INET6, size = SOCKET_BYTES;

	for (size_t i = 0; i < listeners->count; i++)
		if (listeners->list[i].family == number && listeners->list[i].protocol == protocol)
			return 0;
	if (listeners->count == sizeof(listeners->list) / sizeof(listeners->list[0]))
		return -E2BIG;
	listener->family = number;
	listener->protocol = protocol;
	listener->descriptor = socket(number, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (listener->descriptor < 0)
		return -errno;
	listeners->count++;
	if (setsockopt(listener->descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		return -errno;
	return 0;
}

/* Counts what has arrived, by tag. A raw socket of IPv4 is given the IP header too, one of IPv6 is not. */
static int collect(const struct listeners *listeners, unsigned *seen, size_t count)
{
	uint8_t bytes[2048];

	for (size_t i = 0; i < listeners->count; i++) {
		const struct listener *listener = &listeners->list[i];
		ssize_t size;

		while ((size = recv(listener->descriptor, bytes, sizeof(bytes), 0)) >= 0) {
			size_t header =
			    listener->family == AF_INET && size > 0 ? (size_t)(bytes[0] & 0x0f) * 4 : 0;
			uint32_t tag;

			if ((size_t)size < header ||
			    !frame_tag(listener->protocol, bytes + header, (size_t)size - header, &tag) ||
			    tag >= count)
				return -EBADMSG; /* no packet of ours: the namespace is not quiet */
			seen[tag]++;
		}
		if (errno != EAGAIN)
			return -errno;
	}
	return 0;
}

static int send_batch(struct stage *stage, const struct frames *frames)
{
	__attribute__((cleanup(injector_cleanup))) struct injector *injector = NULL;
	uint64_t before = 0, after = 0;
	double nanoseconds;
	int error = injector_new(frames, stage->interface_index, stage->through_index, &injector);

	if (!error)
		error = stage_received(stage, &before);
	if (!error)
		error = injector_run(injector, (uint32_t)frames->count, &nanoseconds);
	/* The last of them may still be with ksoftirqd. */
	for (int wait = 0; !error && wait < 200; wait++) {
		error = stage_received(stage, &after);
		if (error || after - before >= frames->count)
			break;
		usleep(5000);
	}
	if (!error && after - before != frames->count)
		error = -EIO; /* lost, or not alone */
	usleep(20000);
	return error;
}

static int print_verdicts(struct packets *packets, struct stage *stage)
{
	struct listeners listeners = {0};
	unsigned seen[BATCH];
	int error = 0;

	for (size_t i = 0; i < packets->count && !error; i++) {
		error = listen_to(&listeners, packets->list[i].family, packets->list[i].protocol);
		if (!error)
			error = stage_add_local(
			    stage, packets->list[i].family,
			    address_from_bytes(packets->list[i].family, packets->list[i].destination));
	}
	if (error)
		return fail("preparing", error);
	for (size_t first = 0; first < packets->count; first += BATCH) {
		struct frames frames = {.arena = packets->arena};

		memcpy(frames.destination, stage->interface_mac, 6);
		memcpy(frames.source, stage->through_mac, 6);
		memset(seen, 0, sizeof(seen));
		error = make_frames(packets, first, BATCH, &frames);
		if (error)
			return fail("making frames", error);
		error = send_batch(stage, &frames);
		if (error)
			return fail("sending", error);
		error = collect(&listeners, seen, frames.count);
		if (error)
			return fail("receiving", error);
		for (size_t i = 0; i < frames.count; i++) {
			if (seen[i] > 1)
				return fail("a packet was seen twice", EIO);
			puts(seen[i] ? "accept" : "drop");
		}
	}
	return fflush(stdout) ? fail("writing", errno) : 0;
}

enum verb { WRITE, STAGE, VERDICTS, VERBS };

static int run(enum verb verb, const char *argument, struct packets *packets)
{
	struct buffer why = {0};
	struct stage stage;
	int error = verb == STAGE ? 0 : read_packets(packets);

	if (error)
		return fail("reading packets", error);
	if (verb == WRITE)
		return write_capture(packets, argument);
	error = verb == STAGE ? stage_make(&stage, argument, &why)
			      : stage_join(&stage, argument, STAGE_THROUGH, &why);
	if (error) {
		fprintf(stderr, "weir-inject: %s\n", why.data ? why.data : "out of memory");
		buffer_fini(&why);
		return 1;
	}
	error = verb == STAGE ? 0 : print_verdicts(packets, &stage);
	stage_close(&stage);
	return error;
}

int main(int argc, char **argv)
{
	static const char *const verbs[VERBS] = {"write", "stage", "verdicts"};
	struct packets packets = {.arena = arena_new()};
	int verb = 0, status;

	if (!packets.arena)
		return fail("memory", ENOMEM);
	while (verb < VERBS && (argc != 3 || strcmp(argv[1], verbs[verb])))
		verb++;
	if (verb == VERBS) {
		fputs("usage: weir-inject write FILE | stage IFACE | verdicts IFACE  <PACKETS\n", stderr);
		status = 2;
	} else {
		status = run((enum verb)verb, argv[2], &packets);
	}
	arena_free(packets.arena);
	return status;
}
