/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the plane costs per packet, as a multiple of a program that only parses and counts. Usage:
 * plane_floor OBJECT [BANS...]: OBJECT is plane_floor.bpf.o; BANS single addresses are banned by one list.
 * Sources are drawn anew for each packet by a generator in the program, whose own cost is measured and taken
 * off. */
#include "plane/layout.h"
#include "plane/xdp.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/btf.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define SOURCES 65536u
#define ROUNDS 150
#define REPEAT 65536

static uint64_t random_state = 1;
static uint32_t random_word(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	uint64_t x = random_state ^ random_state >> 29;
	return (uint32_t)(x * 0xbf58476d1ce4e5b9ull >> 32);
}

static int compare_words(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;
	return *left < *right ? -1 : *left > *right;
}

/* A region of one list of `count` banned sources, anywhere in IPv4; `bans` gets them. */
static struct region *ban_region(uint32_t *bans, size_t *count, struct fields **fields)
{
	for (size_t i = 0; i < *count; i++)
		bans[i] = random_word();
	qsort(bans, *count, sizeof(*bans), compare_words);
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++)
		if (kept == 0 || bans[kept - 1] != bans[i])
			bans[kept++] = bans[i];
	*count = kept;
	*fields = fields_new(FAMILY_IPV4);
	struct arena *arena = (*fields)->arena;
	struct predicate *predicate = arena_alloc(arena, sizeof(*predicate));
	struct predicate_range *ranges = arena_array(arena, kept, sizeof(*ranges));
	for (size_t i = 0; i < kept; i++)
		ranges[i] = (struct predicate_range){bans[i], bans[i], (uint32_t)i};
	*predicate = (struct predicate){
	    .kind = PREDICATE_SOURCE, .name = "bans", .range_count = kept, .ranges = ranges};
	struct region *region = arena_alloc(arena, sizeof(*region));
	struct unit *unit = arena_alloc(arena, sizeof(*unit));
	struct attribution *attributions = arena_array(arena, 2, sizeof(*attributions));
	static const uint32_t units[] = {0};
	if (fields_need_predicate(*fields, predicate) || fields_seal(*fields, 1000))
		return NULL;
	*unit = (struct unit){.kind = UNIT_LIST, .rule_count = kept, .predicate = predicate};
	attributions[1] = (struct attribution){1, units};
	*region = (struct region){.family = FAMILY_IPV4,
				  .fields = *fields,
				  .root = diagram_if((*fields)->diagram, fields_predicate(*fields, predicate),
						     DIAGRAM_TRUE, DIAGRAM_FALSE),
				  .attribution_count = 2,
				  .attributions = attributions,
				  .unit_count = 1,
				  .units = unit};
	return region;
}

static const uint8_t frame_template[64] = {
    2, 0, 0,   0,  0, 1, 2,   0, 0, 0, 0,    2,    8, 0,    0x45, 0, 0, 40, 0, 0, 0x40, 0, 64,   6,
    0, 0, 198, 18, 0, 1, 192, 0, 2, 1, 0x9c, 0x40, 1, 0xbb, 0,    0, 0, 0,  0, 0, 0,    0, 0x50, 2};

/* *best becomes what a run costs now, if that is less. */
static int measure(struct bpf_object *object, const char *name, double *best)
{
	int fd = bpf_program__fd(bpf_object__find_program_by_name(object, name));
	LIBBPF_OPTS(bpf_test_run_opts, options);
	options.data_in = frame_template;
	options.data_size_in = sizeof(frame_template);
	options.repeat = REPEAT;
	if (bpf_prog_test_run_opts(fd, &options))
		return -errno;
	if (options.duration < *best)
		*best = options.duration;
	return 0;
}

static int prepare(struct bpf_object *object, const struct plane *plane)
{
	struct bpf_map *blob = bpf_object__find_map_by_name(object, "weir_blob");
	struct bpf_map *counters = bpf_object__find_map_by_name(object, "weir_counters");
	size_t size;
	struct bpf_map *constants = NULL, *map;
	bpf_object__for_each_map(map, object) if (strstr(bpf_map__name(map), ".rodata")) constants = map;
	if (!blob || !counters || !constants)
		return -ENOENT;
	uint8_t *initial = (uint8_t *)(uintptr_t)bpf_map__initial_value(constants, &size);
	uint64_t mask = plane->size - 1;
	uint32_t stride = plane->slot_count < 2 ? 2 : plane->slot_count;
	memcpy(initial, &mask, sizeof(mask)); /* as declared: weir_mask, then weir_stride */
	memcpy(initial + 8, &stride, sizeof(stride));
	int result = bpf_map__set_value_size(blob, (uint32_t)plane->size);
	if (result == 0)
		result = bpf_map__set_max_entries(counters, stride * (uint32_t)libbpf_num_possible_cpus());
	if (result == 0)
		result = bpf_object__load(object);
	if (result)
		return result;
	uint8_t *memory = mmap(NULL, plane->size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(blob), 0);
	if (memory == MAP_FAILED)
		return -errno;
	memcpy(memory, plane->blob, plane->size);
	memcpy(memory + offsetof(struct plane_header, mac), frame_template, 6);
	return munmap(memory, plane->size);
}

/* The .bss of the object: where it keeps the sources and the header's sum. */
static int give_sources(struct bpf_object *object, const uint32_t *choice, size_t count)
{
	struct bpf_map *map, *bss = NULL;
	bpf_object__for_each_map(map, object)
	{
		if (strstr(bpf_map__name(map), ".bss"))
			bss = map;
	}
	size_t size = bss ? bpf_map__value_size(bss) : 0;
	if (size < SOURCES * sizeof(uint32_t) + 12)
		return -ENOENT;
	uint8_t *bytes = calloc(1, size);
	uint32_t key = 0;
	if (!bytes || bpf_map_lookup_elem(bpf_map__fd(bss), &key, bytes)) {
		free(bytes);
		return -errno;
	}
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_type *section = btf__type_by_id(btf, bpf_map__btf_value_type_id(bss));
	const struct btf_var_secinfo *variables = (const struct btf_var_secinfo *)(section + 1);
	for (unsigned i = 0; i < (section->info & 0xffff); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, variables[i].type);
		const char *name = btf__name_by_offset(btf, variable->name_off);
		if (strcmp(name, "sources") == 0)
			for (uint32_t k = 0; k < SOURCES; k++) {
				uint32_t source =
				    __builtin_bswap32(count ? choice[random_word() % count] : random_word());
				memcpy(bytes + variables[i].offset + k * 4, &source, 4);
			}
		if (strcmp(name, "base_sum") == 0) {
			uint64_t sum = 0;
			for (size_t k = 14; k < 34; k += 2) {
				uint16_t word;
				memcpy(&word, frame_template + k, 2);
				if (k != 24 && k != 26 && k != 28)
					sum += word;
			}
			memcpy(bytes + variables[i].offset, &sum, sizeof(sum));
		}
	}
	int result = bpf_map_update_elem(bpf_map__fd(bss), &key, bytes, 0);
	free(bytes);
	return result;
}

static int bench(const char *path, size_t count)
{
	uint32_t *bans = calloc(count, sizeof(*bans));
	struct fields *fields = NULL;
	struct region *region = bans ? ban_region(bans, &count, &fields) : NULL;
	const struct region *regions[FAMILY_COUNT] = {region, NULL};
	struct plane *plane = NULL;
	if (!region || plane_build(regions, &plane))
		return 3;
	struct timespec begun, ended;
	struct buffer why = {0};
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
	if (plane_prove(plane, regions, &why)) {
		fprintf(stderr, "plane_floor: %s\n", why.data ? why.data : "the proof failed");
		return 3;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	printf("%8zu bans  built in %.3f s, proven in %.3f s of CPU time\n", count,
	       plane->statistics.build_seconds,
	       (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9);
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	int result = object ? prepare(object, plane) : -errno;
	double generator = 1e9, base = 1e9, miss = 1e9, hit = 1e9;
	/* In turn, so that a machine that is slower for a while is so for all of them. */
	for (int round = 0; round < ROUNDS && result == 0; round++) {
		result = give_sources(object, NULL, 0);
		if (result == 0)
			result = measure(object, "generator", &generator);
		if (result == 0)
			result = measure(object, "floor_count", &base);
		if (result == 0)
			result = measure(object, "plane", &miss);
		if (result == 0)
			result = give_sources(object, bans, count);
		if (result == 0)
			result = measure(object, "plane", &hit);
	}
	if (result == 0) {
		double floor = base - generator;
		printf("%8zu bans  %6.2f MB  floor %3.0f  miss %3.0f  hit %3.0f ns  (generator %.0f, taken "
		       "off)  "
		       "miss %.2f x floor, hit %.2f x floor; generator included %.2f and %.2f\n",
		       count, (double)plane->size / 1e6, floor, miss - generator, hit - generator, generator,
		       (miss - generator) / floor, (hit - generator) / floor, miss / base, hit / base);
	}
	if (result)
		fprintf(stderr, "plane_floor: %s\n", strerror(-result));
	bpf_object__close(object);
	plane_free(plane);
	fields_free(fields);
	free(bans);
	return result ? 3 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: plane_floor OBJECT [BANS...]\n");
		return 2;
	}
	int result = argc == 2 ? bench(argv[1], 650) : 0;
	for (int i = 2; i < argc && result == 0; i++) {
		long count = strtol(argv[i], NULL, 10);
		result = count > 0 && count <= 10000000 ? bench(argv[1], (size_t)count) : 2;
	}
	return result;
}
