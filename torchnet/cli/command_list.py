"""The commands of train.py and what they do."""

COMMANDS = {
    "fit": "train a network; the default command",
    "validate": "print loss and report of the validation images",
    "test": "print loss and report of the test images",
    "predict": "predict files, or write predictions.csv of the test set",
}
