"""What the product finds on public sets of questions, document by document. Run by `make bench-retrieval`.

Every set is indexed once by the quickstart pipeline, and every system asks that index. Decided here:

- A document ranks where its best chunk ranks. The order is the product's own: nothing is sorted again by score, so
  that equal scores are ranked as the product ranks them.
- `--depth` chunks are retrieved (300), because documents have several and R@100 needs a hundred of them; where they
  hold fewer, the number of such questions is printed. Hybrid and rrf fuse lists of that depth then, instead of the 100
  of `retrieve.depth`.
- A question that finds nothing counts as 0.
- Hybrid is compared with the single system that is better on the same questions, which favours the single one.
"""
