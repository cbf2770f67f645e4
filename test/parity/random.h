/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Seeded random numbers (splitmix64): the same seed gives the same test on every machine. */
#ifndef WEIR_TEST_PARITY_RANDOM_H
#define WEIR_TEST_PARITY_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = (random->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0 to limit - 1; limit is not 0. */
static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	return (uint32_t)((random_next(random) >> 32) * limit >> 32);
}

static inline bool random_percent(struct random *random, uint32_t percent)
{
	return random_below(random, 100) < percent;
}

static inline uint64_t random_seed(uint64_t base, uint64_t index)
{
	struct random random = {base + index * 0xd1342543de82ef95u};

	return random_next(&random);
}

#endif
