/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SipHash-2-4 (Aumasson and Bernstein, 2012), with test vectors of its paper in test/unit/kernel_meta.c. */
#include "kernel/hash.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

static void round_once(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	round_once(s);
	round_once(s);
	s->v0 ^= word;
}

uint64_t hash_bytes(const void *data, size_t size, uint64_t seed)
{
	/* key 00 01 ... 0f, as in the paper's vectors, with the seed mixed in */
	const uint64_t key0 = 0x0706050403020100u ^ seed, key1 = 0x0f0e0d0c0b0a0908u;
	struct state s = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du, key0 ^ 0x6c7967656e657261u,
			  key1 ^ 0x7465646279746573u};
	const uint8_t *bytes = data;
	uint64_t word = 0;
	size_t at;

	for (at = 0; at + 8 <= size; at += 8) {
		word = 0;
		for (unsigned i = 0; i < 8; i++)
			word |= (uint64_t)bytes[at + i] << 8 * i;
		absorb(&s, word);
	}
	word = (uint64_t)(size & 0xff) << 56;
	for (unsigned i = 0; at + i < size; i++)
		word |= (uint64_t)bytes[at + i] << 8 * i;
	absorb(&s, word);
	s.v2 ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		round_once(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
