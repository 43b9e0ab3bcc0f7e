"""Small jobs in a fresh process, with everything that a person waits for: chainrule beside scikit-learn."""
