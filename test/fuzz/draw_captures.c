// SPDX-License-Identifier: GPL-2.0-or-later
/* draw_captures DIRECTORY: captures of random Ethernet frames, the same at each call, for fuzz_capture to
 * begin with. */
#include "parity/frames.h"

#include <stdio.h>

#define CAPTURES 96

static void put(FILE *file, uint32_t number)
{
	fwrite(&number, sizeof(number), 1, file);
}

/* https://www.tcpdump.org/manpages/pcap-savefile.5.html */
static void draw(FILE *file, const struct pool *pool, unsigned frames, struct random *random)
{
	put(file, 0xa1b2c3d4);
	put(file, 2 | 4 << 16); /* version 2.4, two numbers */
	put(file, 0);
	put(file, 0);
	put(file, 65535);
	put(file, 1); /* Ethernet */
	for (unsigned i = 0; i < frames; i++) {
		struct frame_plan plan;
		struct frame frame;
		frame_plan_rich(&plan, pool, false, random);
		frame_build(&plan, &frame);
		put(file, 1600000000 + i);
		put(file, 0);
		put(file, frame.size);
		put(file, frame.size + plan.truncated);
		fwrite(frame.data, frame.size, 1, file);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (unsigned i = 0; i < CAPTURES; i++) {
		struct random random = {i};
		struct pool pool;
		char path[4096];
		pool_fill(&pool, i % 2 ? FAMILY_IPV6 : FAMILY_IPV4, &random);
		snprintf(path, sizeof(path), "%s/drawn%u", argv[1], i);
		FILE *file = fopen(path, "w");
		if (!file)
			return 1;
		draw(file, &pool, 1 + i % 8, &random);
		if (fclose(file))
			return 1;
	}
	return 0;
}
