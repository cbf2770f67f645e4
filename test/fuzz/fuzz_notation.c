// SPDX-License-Identifier: GPL-2.0-or-later
/* The notation of packets: what it reads it prints, and reads and prints the same again. */
#include "fuzz.h"

static bool read_packet(const char *text, size_t size, struct packet *packet)
{
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();

	if (!arena || !sink)
		abort();
	bool good = packet_parse(source_new(arena, "packet", text, size), sink, packet) == 0;
	good &= !fuzz_wrong(sink);
	diagnostics_free(sink);
	arena_free(arena);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet = {0}, again = {0};
	struct buffer once = {0}, twice = {0};

	if (!read_packet((const char *)data, size, &packet))
		return 0;
	packet_print(&packet, &once);
	if (!read_packet(once.data ? once.data : "", once.size, &again))
		fuzz_complain("what was printed cannot be read", &once, NULL);
	packet_print(&again, &twice);
	if (once.size != twice.size || (once.size && memcmp(once.data, twice.data, once.size) != 0))
		fuzz_complain("what was read again prints otherwise", &once, &twice);
	buffer_fini(&once);
	buffer_fini(&twice);
	return 0;
}
