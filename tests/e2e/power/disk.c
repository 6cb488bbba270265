#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES 4096
#define NAMES 64
#define CHANGES 1024

/* One write or truncation that is not durable. */
struct pending {
    bool truncates;
    size_t offset, len;
    const unsigned char *bytes;
};

struct content {
    unsigned char *bytes;
    size_t size, cap;
};

struct node {
    unsigned long inode;
    struct content durable;
    struct pending *pending;
    size_t count, cap;
    bool laid;
    char first_name[DISK_NAME]; /* under which it was laid out */
};

struct entry {
    char name[DISK_NAME];
    size_t node;
};

struct names {
    struct entry entries[NAMES];
    size_t count;
};

/* One change of names that is not durable. */
struct change {
    enum disk_op op; /* CREATE, RENAME, LINK, UNLINK */
    char name[DISK_NAME], to[DISK_NAME];
    size_t node; /* that is meant */
};

struct disk {
    struct node nodes[NODES];
    size_t node_count;
    struct names durable, now;
    struct change changes[CHANGES];
    size_t change_count;
};

static void die(const char *what, const char *which)
{
    fprintf(stderr, "power: %s %s: %s\n", what, which, strerror(errno));
    abort();
}

/* ---- bytes ---- */

static void resize(struct content *content, size_t size)
{
    if (size > content->cap) {
        content->cap = size * 2;
        content->bytes = realloc(content->bytes, content->cap);
        if (!content->bytes) {
            die("no memory for", "a file");
        }
    }
    if (size > content->size) {
        memset(content->bytes + content->size, 0, size - content->size);
    }
    content->size = size;
}

static void make_durable(struct node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct pending *p = &node->pending[i];
        if (p->truncates || p->offset + p->len > node->durable.size) {
            resize(&node->durable, p->offset + p->len);
        }
        if (p->len > 0) {
            memcpy(node->durable.bytes + p->offset, p->bytes, p->len);
        }
    }
    node->count = 0;
}

static void add_pending(struct node *node, struct pending pending)
{
    if (node->count == node->cap) {
        node->cap = node->cap ? node->cap * 2 : 64;
        node->pending = realloc(node->pending, node->cap * sizeof *node->pending);
        if (!node->pending) {
            die("no memory for", "writes");
        }
    }
    node->pending[node->count++] = pending;
}

/* ---- names ---- */

static size_t find_name(const struct names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->entries[i].name, name) != 0) {
        i++;
    }
    return i;
}

static void set_name(struct names *names, const char *name, size_t node)
{
    size_t i = find_name(names, name);
    if (i == NAMES) {
        die("too many names:", name);
    }
    names->count += i == names->count;
    (void)snprintf(names->entries[i].name, DISK_NAME, "%s", name);
    names->entries[i].node = node;
}

static void drop_name(struct names *names, const char *name)
{
    size_t i = find_name(names, name);
    if (i < names->count) {
        names->entries[i] = names->entries[--names->count];
    }
}

/* `change` is among those that were kept; others before it may not have been. */
static void change_names(struct names *names, const struct change *change)
{
    size_t from = find_name(names, change->name);
    bool is_there = from < names->count && names->entries[from].node == change->node;
    if (change->op == DISK_CREATE) {
        set_name(names, change->name, change->node);
    } else if (is_there && change->op != DISK_LINK) {
        drop_name(names, change->name);
    }
    if (change->op == DISK_RENAME || change->op == DISK_LINK) {
        set_name(names, change->to, change->node);
    }
}

static size_t new_node(struct disk *disk, unsigned long inode)
{
    if (disk->node_count == NODES) {
        die("too many files", "");
    }
    disk->nodes[disk->node_count].inode = inode;
    return disk->node_count++;
}

/* The newest file with that inode, or else the one that has the name. */
static struct node *node_of(struct disk *disk, const struct disk_event *event)
{
    for (size_t i = disk->node_count; i > 0; i--) {
        if (disk->nodes[i - 1].inode == event->inode) {
            return &disk->nodes[i - 1];
        }
    }
    size_t at = find_name(&disk->now, event->name);
    if (at == disk->now.count) {
        die("a write to a file that never was:", event->name);
    }
    struct node *node = &disk->nodes[disk->now.entries[at].node];
    node->inode = event->inode;
    return node;
}

/* ---- what happens ---- */

static void apply_change(struct disk *disk, const struct disk_event *event)
{
    struct change *change = &disk->changes[disk->change_count];
    if (disk->change_count == CHANGES) {
        die("the folder was not synced for too long at", event->name);
    }
    *change = (struct change){.op = event->op};
    memcpy(change->name, event->name, DISK_NAME);
    memcpy(change->to, event->to, DISK_NAME);
    size_t at = find_name(&disk->now, event->name);
    if (event->op != DISK_CREATE && at == disk->now.count) {
        die("no such file:", event->name);
    }
    change->node = event->op == DISK_CREATE ? new_node(disk, event->inode) : disk->now.entries[at].node;
    disk->change_count++;
    change_names(&disk->now, change);
}

void disk_apply(struct disk *disk, const struct disk_event *event)
{
    switch (event->op) {
    case DISK_WRITE:
        add_pending(node_of(disk, event), (struct pending){false, event->offset, event->len, event->bytes});
        break;
    case DISK_TRUNCATE:
        add_pending(node_of(disk, event), (struct pending){true, event->offset, 0, NULL});
        break;
    case DISK_SYNC:
        make_durable(node_of(disk, event));
        break;
    case DISK_SYNC_FOLDER:
        disk->durable = disk->now;
        disk->change_count = 0;
        break;
    default:
        apply_change(disk, event);
        break;
    }
}

static void read_file(struct node *node, const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status) != 0) {
        die("cannot read", path);
    }
    resize(&node->durable, (size_t)status.st_size);
    if (fread(node->durable.bytes, 1, node->durable.size, file) != node->durable.size) {
        die("cannot read", path);
    }
    (void)fclose(file);
}

struct disk *disk_new(const char *folder)
{
    struct disk *disk = calloc(1, sizeof *disk);
    DIR *dir = opendir(folder);
    if (!disk || !dir) {
        die("cannot read", folder);
    }
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        if (d->d_type == DT_REG) {
            size_t node = new_node(disk, 0);
            read_file(&disk->nodes[node], folder, d->d_name);
            set_name(&disk->now, d->d_name, node);
        }
    }
    (void)closedir(dir);
    disk->durable = disk->now;
    return disk;
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->node_count; i++) {
        free(disk->nodes[i].durable.bytes);
        free(disk->nodes[i].pending);
    }
    free(disk);
}

bool disk_unsettled(const struct disk *disk)
{
    for (size_t i = 0; i < disk->now.count; i++) {
        if (disk->nodes[disk->now.entries[i].node].count > 0) {
            return true;
        }
    }
    return disk->change_count > 0;
}

/* ---- after the cut ---- */

/* splitmix64 over what names the choice, so that each is made anew from the seed and nothing else. */
static uint64_t choose(uint64_t seed, uint64_t node, uint64_t block, uint64_t below)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + node * 0xbf58476d1ce4e5b9u + block * 0x94d049bb133111ebu;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % below;
}

/* How many of `count` changes: none and all are as likely as everything between them. */
static size_t some_of(uint64_t seed, uint64_t node, uint64_t block, size_t count)
{
    switch (choose(seed + 1, node, block, 3)) {
    case 0:
        return 0;
    case 1:
        return count;
    default:
        return (size_t)choose(seed, node, block, count + 1);
    }
}

static size_t reach(const struct pending *p)
{
    return p->offset + p->len;
}

static size_t torn_size(const struct node *node, size_t kept)
{
    size_t size = node->durable.size;
    for (size_t i = 0; i < kept; i++) {
        size = node->pending[i].truncates || reach(&node->pending[i]) > size ? reach(&node->pending[i]) : size;
    }
    return size;
}

/* The first `kept` of the changes, as far as they concern the block that begins at `start`. */
static void tear_block(const struct node *node, struct content *into, size_t start, size_t end, size_t kept)
{
    for (size_t i = 0; i < kept; i++) {
        const struct pending *p = &node->pending[i];
        if (p->truncates && p->offset < end) {
            size_t from = p->offset > start ? p->offset : start;
            memset(into->bytes + from, 0, end - from);
        } else if (!p->truncates && p->offset < end && reach(p) > start) {
            size_t from = p->offset > start ? p->offset : start;
            size_t to = reach(p) < end ? reach(p) : end;
            memcpy(into->bytes + from, p->bytes + (from - p->offset), to - from);
        }
    }
}

/* `size` bytes of it, as far as they are durable. */
static void begin_with_durable(const struct node *node, struct content *into, size_t size)
{
    resize(into, 0);
    resize(into, size);
    size_t same = node->durable.size < size ? node->durable.size : size;
    if (same > 0) {
        memcpy(into->bytes, node->durable.bytes, same);
    }
}

/* A truncation is made or it is not, and nothing of what was written behind one that is not made is there: which
   changes can be in a block, when the file's size is that behind the first `kept`. */
static void bounds(const struct node *node, size_t kept, size_t *ret_low, size_t *ret_high)
{
    *ret_low = kept;
    while (*ret_low > 0 && !node->pending[*ret_low - 1].truncates) {
        (*ret_low)--;
    }
    *ret_high = kept;
    while (*ret_high < node->count && !node->pending[*ret_high].truncates) {
        (*ret_high)++;
    }
}

static void tear(const struct node *node, uint64_t number, uint64_t seed, struct content *into)
{
    size_t block = seed % 2 ? 512 : 4096, low, high;
    size_t kept = some_of(seed, number, UINT64_MAX, node->count);
    bounds(node, kept, &low, &high);
    begin_with_durable(node, into, torn_size(node, kept));
    for (size_t start = 0; start < into->size; start += block) {
        size_t end = start + block < into->size ? start + block : into->size;
        tear_block(node, into, start, end, low + some_of(seed, number, start / 512, high - low));
    }
}

static void write_file(const char *path, const unsigned char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    size_t done = 0;
    while (fd >= 0 && done < len) {
        ssize_t n = write(fd, bytes + done, len - done);
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    if (fd < 0 || close(fd) != 0 || done < len) {
        die("cannot write", path);
    }
}

static void lay_node(struct disk *disk, const char *folder, const struct entry *entry, enum disk_model model,
                     uint64_t seed)
{
    static struct content content;
    struct node *node = &disk->nodes[entry->node];
    char path[4096], first[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry->name);
    (void)snprintf(first, sizeof first, "%s/%s", folder, node->first_name);
    if (node->laid) {
        if (link(first, path) != 0) {
            die("cannot link", path);
        }
        return;
    }
    if (model == DISK_SYNCED || node->count == 0) {
        write_file(path, node->durable.bytes, node->durable.size);
    } else if (model == DISK_TORN) {
        tear(node, entry->node, seed, &content);
        write_file(path, content.bytes, content.size);
    } else {
        begin_with_durable(node, &content, torn_size(node, node->count));
        tear_block(node, &content, 0, content.size, node->count);
        write_file(path, content.bytes, content.size);
    }
    node->laid = true;
    memcpy(node->first_name, entry->name, DISK_NAME);
}

static void clear_folder(const char *folder)
{
    char path[4096];
    DIR *dir = opendir(folder);
    if (!dir) {
        die("cannot read", folder);
    }
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        if (d->d_type == DT_REG && unlink(path) != 0) {
            die("cannot remove", path);
        }
    }
    (void)closedir(dir);
}

void disk_lay_out(struct disk *disk, const char *folder, enum disk_model model, uint64_t seed)
{
    struct names names = disk->durable;
    bool loose = model == DISK_TORN && seed / 2 % 2 == 1;
    size_t changes = model == DISK_ALL || loose ? disk->change_count
                     : model == DISK_SYNCED     ? 0
                                                : some_of(seed, NODES, 0, disk->change_count);
    for (size_t i = 0; i < changes; i++) {
        if (!loose || choose(seed, NODES, i, 2) == 0) {
            change_names(&names, &disk->changes[i]);
        }
    }
    for (size_t i = 0; i < disk->node_count; i++) {
        disk->nodes[i].laid = false;
    }
    clear_folder(folder);
    for (size_t i = 0; i < names.count; i++) {
        lay_node(disk, folder, &names.entries[i], model, seed);
    }
}
