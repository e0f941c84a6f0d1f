"""Arms that answer questions about pictures: three models joined by cross-attention, trained.

    outcome = train_arm(spec, run_id, AnswerLearner, log)            tasks.answering.training
    model, processor = build_answerer(spec)                          tasks.answering.building
    spec, model, processor = load_trained_answerer(folder)           tasks.answering.building
    asked = read_questions(spec, processor)                          tasks.answering.questions
    inputs = prepare_inputs(spec, model, processor, asked, parts)    tasks.answering.inputs

`training.trunk=off` computes frozen encoders anew for every batch; `vqa.batches=questions` lets a
picture be in as many batches as it has questions. Both together are the chapter's way.
"""
