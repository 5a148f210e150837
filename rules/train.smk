"""Training: the project's own small accessibility model. No other rule asks for it; name it to run it."""

TRAINING = config["accessibility_training"]
REPLICATES = range(TRAINING["replicates"])


rule train_accessibility:
    """Train the small accessibility model on peaks: one network per replicate."""
    input:
        genome=rules.index_reference.output.genome,
        peaks=TRAINING["peaks"],
        motifs=TRAINING["motifs"],
    output:
        weights=collect(
            "results/train_accessibility/{replicate}/model.safetensors",
            replicate=REPLICATES,
        ),
        facts=collect(
            "results/train_accessibility/{replicate}/config.json",
            replicate=REPLICATES,
        ),
    log:
        "logs/train_accessibility/train_accessibility.log",
    benchmark:
        "logs/benchmarks/train_accessibility.tsv"
    conda:
        "../envs/sequence.yaml"
    threads: 2
    params:
        settings=pick(
            TRAINING,
            "tracks",
            "training",
            "validation",
            "test",
            "epochs",
            "seed",
            "licence",
            "citation",
        ),
        library=library("train_accessibility"),
    message:
        "Training the accessibility model"
    script:
        "../workflow/scripts/train_accessibility.py"
