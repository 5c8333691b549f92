"""question + Hits -> where in each passage an answer begins and ends, by an encoder that reads both together.

    inputs       question and passage -> windows of tokens
    network      an encoder with adapters and two scores a token
    extractive   the `PassageReader` of the kind `extractive`

The model is an encoder of the pipeline with the low-rank adapters that `ragqa train reader` made. Each window is read
with one place more, its first token, for "no answer here" (as in the models for SQuAD 2.0, Devlin et al. 2019): scores
are log-odds against it.
"""
