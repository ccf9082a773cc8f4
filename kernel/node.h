/* `galvan run`: a node, from its config file to its orderly end. */
#ifndef GV_NODE_H
#define GV_NODE_H

/* `galvan run CONFIG.yaml [--data DIR]`. Returns the exit status. */
int gv_node_main(int argc, char **argv);

#endif
