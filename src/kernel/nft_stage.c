/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The namespace belongs to a process of its own and to what that starts, and goes away with it. It is the
 * same for who may make network namespaces (CAP_SYS_ADMIN) and for who may not, by a namespace of users. */
#include "kernel/nft_stage.h"
#include "kernel/netlink.h"
#include "read/nft_read.h"
#include "read/program.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUTPUT_MAX (1u << 20)
#define IMAGE_MAX (1u << 30)

#define PEER_INDEX 0x7f000000 /* beyond those that a host comes to */

struct stage {
	struct text script;
	const struct if_nameindex *links; /* of where we come from */
	struct buffer *why;
};

static int write_script(struct text script, int *file)
{
	*file = memfd_create("weir.nft", MFD_CLOEXEC);
	if (*file < 0)
		return -errno;
	for (size_t at = 0; at < script.size;) {
		ssize_t done = write(*file, script.data + at, script.size - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			int error = done < 0 ? -errno : -EIO;
			close(*file);
			return error;
		}
		at += (size_t)done;
	}
	if (lseek(*file, 0, SEEK_SET) < 0) { /* nft reads it as its standard input */
		int error = -errno;
		close(*file);
		return error;
	}
	return 0;
}

/* Whether the script says: device "name". */
static bool is_named(struct text script, const char *name)
{
	char words[IF_NAMESIZE + 16];
	int size = snprintf(words, sizeof(words), "device \"%s\"", name);

	return memmem(script.data, script.size, words, (size_t)size) != NULL;
}

/* One end of a veth pair under that name and number: the kernel keeps the number in the rule (nft_dup_netdev,
 * nft_dup_ipv4), and nft looks the name up. The other end must not take a number that is wanted. */
static int add_link(const struct if_nameindex *link, int peer)
{
	char buffer[NETLINK_REQUEST_MAX];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	struct ifinfomsg *about = mnl_nlmsg_put_extra_header(message, sizeof(*about));
	about->ifi_index = (int)link->if_index;
	mnl_attr_put_strz(message, IFLA_IFNAME, link->if_name);
	struct nlattr *information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	struct nlattr *other = mnl_attr_nest_start(message, VETH_INFO_PEER);
	struct ifinfomsg *other_end = mnl_nlmsg_put_extra_header(message, sizeof(*other_end));
	other_end->ifi_index = peer;
	mnl_attr_nest_end(message, other);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
	return netlink_request(NETLINK_ROUTE, message, NULL, NULL, NULL);
}

/* The interfaces that rules send copies to: nft wants them to be there. One that the host does not have is
 * left to nft to complain of. */
static int add_links(struct stage *stage)
{
	int peer = PEER_INDEX;

	for (const struct if_nameindex *link = stage->links; link->if_index; link++) {
		if (strcmp(link->if_name, "lo") == 0 || !is_named(stage->script, link->if_name))
			continue;
		int error = add_link(link, peer++);
		if (error) {
			buffer_printf(stage->why, "cannot make an interface \"%s\" to try the rules with: %s",
				      link->if_name, strerror(-error));
			return error;
		}
	}
	return 0;
}

static int load(struct stage *stage)
{
	static const char *const arguments[] = {"nft", "-f", "-", NULL};
	struct program_result result = {0};
	int file, error = write_script(stage->script, &file);

	if (error) {
		buffer_printf(stage->why, "cannot keep the script in memory: %s", strerror(-error));
		return error;
	}
	error = program_run_with(arguments, file, 0, OUTPUT_MAX, &result);
	close(file);
	if (error == -ENOENT) {
		buffer_puts(stage->why, "there is no nft program: install nftables");
	} else if (error) {
		buffer_printf(stage->why, "cannot run nft: %s", strerror(-error));
	} else if (result.status) {
		buffer_puts(stage->why, "nft does not take the script: ");
		nft_complaints_print((struct text){result.errors.data, result.errors.size}, stage->script,
				     stage->why);
		error = -EINVAL;
	}
	program_result_fini(&result);
	return error;
}

static int stage_in_namespace(struct stage *stage, struct buffer *raw)
{
	int error = program_own_network();

	if (error) {
		buffer_printf(stage->why, "cannot make a network namespace to try the rules in: %s%s",
			      strerror(-error), error == -EPERM ? "; weir needs root" : "");
		return error;
	}
	error = add_links(stage);
	if (!error)
		error = load(stage);
	return error ? error : nft_image_dump(raw, stage->why);
}

static bool write_all(int output, const char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t done = write(output, data + at, size - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += (size_t)done;
	}
	return true;
}

/* Writes the error, and what the kernel holds then, or what is wrong in words. */
static int run(void *context, int output)
{
	struct stage *stage = context;
	struct buffer raw = {0}, why = {0};

	stage->why = &why;
	int error = stage_in_namespace(stage, &raw);
	const struct buffer *said = error ? &why : &raw;

	if (!error && raw.failed)
		error = -ENOMEM;
	return !write_all(output, (const char *)&error, sizeof(error)) ||
	       !write_all(output, said->data, said->data ? said->size : 0);
}

/* What the process wrote. */
static int take(const struct program_result *result, struct nft_image **image, struct buffer *why)
{
	int error;

	if (result->status || result->output.size < sizeof(error)) {
		buffer_puts(why, "the process that tries the rules was killed");
		return -EIO;
	}
	memcpy(&error, result->output.data, sizeof(error));
	const char *said = result->output.data + sizeof(error);
	size_t size = result->output.size - sizeof(error);
	if (error) {
		buffer_add(why, said, size);
		return error;
	}
	struct buffer raw = {0};
	buffer_add(&raw, said, size);
	error = raw.failed ? -ENOMEM : nft_image_parse_copy(&raw, image);
	if (error)
		buffer_printf(why, "cannot make sense of nftables' rules: %s", strerror(-error));
	buffer_fini(&raw);
	return error;
}

int nft_stage(struct text script, struct nft_image **image, struct buffer *why)
{
	struct if_nameindex *links = if_nameindex();
	struct stage stage = {.script = script, .links = links};
	struct program_result result = {0};
	int error;

	if (!links) {
		error = -errno;
		buffer_printf(why, "cannot list the interfaces: %s", strerror(-error));
		return error;
	}
	error = program_fork(run, &stage, 0, IMAGE_MAX, &result);
	if (error)
		buffer_printf(why, "cannot start a process to try the rules: %s", strerror(-error));
	else
		error = take(&result, image, why);
	program_result_fini(&result);
	if_freenameindex(links);
	return error;
}
